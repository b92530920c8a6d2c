import type { findModel } from "@lambdallm/core";
import { isClaude, isNova } from "@lambdallm/core/feature";
import type { JsonObject } from "../json.ts";
import { refuse } from "./service-error.ts";
import type { Operation } from "./types.ts";

/** What the catalog knows of a model; undefined for a model that it does not know, which may then do everything. */
export type KnownModel = ReturnType<typeof findModel>;

/** A request for an answer, on its way through the validation. */
export interface Checked {
  /** As Converse has it. */
  readonly body: JsonObject;
  readonly modelId: string;
  readonly model: KnownModel;
  readonly operation: Operation;
}

type Named = Pick<Checked, "modelId" | "model">;

export function isClaudeModel({ modelId, model }: Named): boolean {
  return isClaude(model?.id ?? modelId);
}

export function isNovaModel({ modelId, model }: Named): boolean {
  return isNova(model?.id ?? modelId);
}

/** Converse has rules of its own beside those of the models, which native bodies need not keep. */
export function isConverse({ operation }: Pick<Checked, "operation">): boolean {
  return operation !== "InvokeModel";
}

/** A refusal that comes from the model itself. */
export function modelError(text: string): never {
  refuse(`The model returned the following errors: ${text}`);
}
