import tracing from "@lambdallm/tracing";
import { observedStream } from "./chain.ts";
import { startSdk } from "./sdk.ts";

startSdk(true);

export const handler = observedStream(tracing());
