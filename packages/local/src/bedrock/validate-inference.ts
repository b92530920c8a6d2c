import { largestMaxTokens } from "@lambdallm/core/feature";
import { member, numberAt, objectAt } from "../json.ts";
import { type Checked, isClaudeModel, modelError } from "./known-model.ts";
import { refuse } from "./service-error.ts";

/** The names of the settings, and what the models themselves call them. */
const SAMPLING = [
  ["temperature", "temperature"],
  ["topP", "top_p"],
] as const;

/** Refuses settings that no model takes, or not this one. */
export function validateInference(request: Checked): void {
  const { body, model, modelId } = request;
  const config = objectAt(body, "inferenceConfig");
  validateMaxTokens(numberAt(config, "maxTokens"), request);
  for (const [name, native] of SAMPLING) {
    const value = numberAt(config, name);
    if (value === undefined) continue;
    if (value < 0 || value > 1)
      refuse(
        `1 validation error detected: Value '${value}' at 'inferenceConfig.${name}' failed to satisfy constraint: Member must have value between 0 and 1`,
      );
    if (model?.samplingParameters !== false) continue;
    if (isClaudeModel(request))
      modelError(`\`${native}\` is deprecated for this model.`);
    refuseField(name);
  }
  if (
    SAMPLING.every(([name]) => numberAt(config, name) !== undefined) &&
    /claude-[a-z]+-4-[56](?!\d)/.test(model?.id ?? modelId)
  )
    modelError(
      "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    );
  // Also an empty list: https://github.com/langchain4j/langchain4j/issues/3650
  if (
    model?.stopSequences === false &&
    member(config, "stopSequences") !== undefined
  )
    refuseField("stopSequences");
}

function refuseField(name: string): never {
  refuse(
    `This model doesn't support the ${name} field. Remove ${name} and try again.`,
  );
}

function validateMaxTokens(
  maxTokens: number | undefined,
  { model }: Checked,
): void {
  if (maxTokens === undefined) return;
  if (maxTokens < 1 || !Number.isInteger(maxTokens))
    refuse(
      `1 validation error detected: Value '${maxTokens}' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1`,
    );
  if (maxTokens > largestMaxTokens(model))
    refuse(
      `The maximum tokens you requested exceeds the model limit of ${model?.maxOutputTokens}. Try again with a maximum tokens value that is lower than ${model?.maxOutputTokens}.`,
    );
}
