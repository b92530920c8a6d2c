import tracing from "@lambdallm/tracing";
import { observedCall } from "./chain.ts";

export const handler = observedCall(tracing());
