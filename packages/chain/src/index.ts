export type { Journal } from "@lambdallm/core";
