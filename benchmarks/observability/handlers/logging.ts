import logging from "@lambdallm/logging";
import { observedCall } from "./chain.ts";

export const handler = observedCall(logging());
