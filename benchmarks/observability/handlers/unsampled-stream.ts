import tracing from "@lambdallm/tracing";
import { observedStream } from "./chain.ts";
import { startSdk } from "./sdk.ts";

startSdk(false);

export const handler = observedStream(tracing());
