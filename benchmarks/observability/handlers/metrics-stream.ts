import metrics from "@lambdallm/metrics";
import { observedStream } from "./chain.ts";

export const handler = observedStream(metrics());
