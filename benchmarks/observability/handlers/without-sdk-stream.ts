import tracing from "@lambdallm/tracing";
import { observedStream } from "./chain.ts";

export const handler = observedStream(tracing());
