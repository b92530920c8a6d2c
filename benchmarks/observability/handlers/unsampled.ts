import tracing from "@lambdallm/tracing";
import { observedCall } from "./chain.ts";
import { startSdk } from "./sdk.ts";

startSdk(false);

export const handler = observedCall(tracing());
