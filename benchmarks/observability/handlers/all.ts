import logging from "@lambdallm/logging";
import metrics from "@lambdallm/metrics";
import tracing from "@lambdallm/tracing";
import { observedCall } from "./chain.ts";
import { startSdk } from "./sdk.ts";

startSdk(true);

export const handler = observedCall(tracing(), logging(), metrics());
