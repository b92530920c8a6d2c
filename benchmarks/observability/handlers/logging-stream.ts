import logging from "@lambdallm/logging";
import { observedStream } from "./chain.ts";

export const handler = observedStream(logging());
