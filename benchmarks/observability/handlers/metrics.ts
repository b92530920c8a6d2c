import metrics from "@lambdallm/metrics";
import { observedCall } from "./chain.ts";

export const handler = observedCall(metrics());
