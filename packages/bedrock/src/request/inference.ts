import { ConfigurationError, type ModelInfo } from "@lambdallm/core";
import {
  isClaude,
  largestMaxTokens,
  type ModelRequest,
  maxTokensOf,
  type Thinking,
  thinkingOf,
} from "@lambdallm/core/feature";
import type { Changes } from "./changes.ts";

/** They refuse `temperature` and `top_p` together: "cannot both be specified for this model". */
const ONE_SAMPLING_FIELD = /claude-(haiku|sonnet|opus)-4-[156]\b/;

/** https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html */
const LEAST_BUDGET_TOKENS = 1_024;
const LEAST_TOP_P_WHILE_THINKING = 0.95;

export interface Inference {
  readonly maxTokens: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly stopSequences?: readonly string[];
}

/**
 * How the model is to write. Every request has a `maxTokens`: the service reserves the model's maximum for one without.
 *
 * @throws {ConfigurationError} for a number that no model takes, and for a budget of thinking that leaves no room.
 */
export function inferenceOf(
  request: ModelRequest,
  modelId: string,
  info: ModelInfo | undefined,
  changes: Changes,
): Inference {
  const id = info?.id ?? modelId;
  const thinking = isClaude(id) ? thinkingOf(request) : undefined;
  return {
    maxTokens: roomOf(request, info, thinking, changes),
    ...samplingOf(request, id, { info, thinking }, changes),
    ...stopSequencesOf(request, id, info, changes),
  };
}

function roomOf(
  request: ModelRequest,
  info: ModelInfo | undefined,
  thinking: Thinking | undefined,
  changes: Changes,
): number {
  const maxTokens = maxTokensOf(request, info);
  if (request.maxTokens !== undefined && request.maxTokens > maxTokens)
    changes.changed(
      "maxTokens",
      `the model writes at most ${largestMaxTokens(info)} tokens`,
    );
  const budget = thinking?.budgetTokens;
  if (budget === undefined) return maxTokens;
  if (budget < LEAST_BUDGET_TOKENS)
    throw new ConfigurationError(
      `The budget of thinking (budget_tokens in bedrock.additionalModelRequestFields) must be at least ${LEAST_BUDGET_TOKENS}, not ${budget}.`,
    );
  if (budget >= maxTokens)
    throw new ConfigurationError(
      `maxTokens (${maxTokens}) must be above the budget of thinking (budget_tokens in bedrock.additionalModelRequestFields, ${budget}): the answer comes out of what is left.`,
    );
  return maxTokens;
}

function samplingOf(
  request: ModelRequest,
  id: string,
  {
    info,
    thinking,
  }: {
    readonly info: ModelInfo | undefined;
    readonly thinking: Thinking | undefined;
  },
  changes: Changes,
): Pick<Inference, "temperature" | "topP"> {
  const own = {
    temperature: within(request.temperature, "temperature"),
    topP: within(request.topP, "topP"),
  };
  const leaveOut = (name: "temperature" | "topP", reason: string): void => {
    if (own[name] !== undefined) changes.leftOut(name, reason);
    own[name] = undefined;
  };
  if (info?.samplingParameters === false) {
    leaveOut("temperature", "the model takes no sampling settings");
    leaveOut("topP", "the model takes no sampling settings");
  } else if (thinking !== undefined) {
    if (own.temperature !== 1)
      leaveOut("temperature", "while it thinks, the model takes 1 only");
    if ((own.topP ?? 1) < LEAST_TOP_P_WHILE_THINKING)
      leaveOut("topP", "while it thinks, the model takes 0.95 and more only");
  } else if (own.topP === undefined || !ONE_SAMPLING_FIELD.test(id))
    own.temperature ??= request.defaults?.temperature;
  if (
    own.temperature !== undefined &&
    own.topP !== undefined &&
    ONE_SAMPLING_FIELD.test(id)
  )
    leaveOut("topP", "the model takes it or temperature, not both");
  const { temperature, topP } = own;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
  };
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html */
function within(value: number | undefined, name: string): number | undefined {
  if (value !== undefined && !(value >= 0 && value <= 1))
    throw new ConfigurationError(
      `${name} must be between 0 and 1, as for every model of Amazon Bedrock, not ${value}.`,
    );
  return value;
}

function stopSequencesOf(
  { stopSequences = [] }: ModelRequest,
  id: string,
  info: ModelInfo | undefined,
  changes: Changes,
): Pick<Inference, "stopSequences"> {
  if (stopSequences.length === 0) return {};
  if (info?.stopSequences === false) {
    changes.leftOut("stopSequences", "the model takes no stop sequences");
    return {};
  }
  const usable = stopSequences.filter((text, index) => {
    const isUsable = text !== "" && !(isClaude(id) && text.trim() === "");
    if (!isUsable)
      changes.leftOut(
        `stopSequences[${index}]`,
        "the model takes no blank stop sequence",
      );
    return isUsable;
  });
  return usable.length > 0 ? { stopSequences: usable } : {};
}

/** Sampling settings that the service has no field for go the same way as those that it has. */
export function additionalFieldsOf(
  request: ModelRequest,
  modelId: string,
  info: ModelInfo | undefined,
  changes: Changes,
): unknown {
  const fields = request.bedrock?.additionalModelRequestFields;
  if (
    typeof fields !== "object" ||
    fields === null ||
    !("top_k" in fields) ||
    !isClaude(info?.id ?? modelId)
  )
    return fields;
  const refuses =
    info?.samplingParameters === false || thinkingOf(request) !== undefined;
  if (!refuses) return fields;
  changes.leftOut(
    "bedrock.additionalModelRequestFields.top_k",
    info?.samplingParameters === false
      ? "the model takes no sampling settings"
      : "the model does not take it while it thinks",
  );
  const { top_k: _, ...rest } = fields;
  return Object.keys(rest).length > 0 ? rest : undefined;
}
