import type { findModel } from "@lambdallm/core";
import { refuse } from "./service-error.ts";

/** What the catalog knows of a model; undefined for a model that it does not know, which may then do everything. */
export type KnownModel = ReturnType<typeof findModel>;

export function isClaude(modelId: string, model: KnownModel): boolean {
  return /anthropic\.claude/.test(model?.id ?? modelId);
}

/** A refusal that comes from the model itself. */
export function modelError(text: string): never {
  refuse(`The model returned the following errors: ${text}`);
}
