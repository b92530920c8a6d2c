import {
  findModel,
  ModelInvocationError,
  type ModelResponse,
  type Usage,
} from "@lambdallm/core";
import {
  type AttemptOperation,
  type CallOperation,
  callFacts,
  enclosing,
  type ModelRequest,
  maxTokensOf,
  type Provider,
  serverOf,
} from "@lambdallm/core/feature";
import type { Attributes } from "@opentelemetry/api";
import * as names from "./semconv.ts";

/** What a sampler can decide by. */
export function attributesAtStart({
  request,
  provider,
}: CallOperation): Attributes {
  const server = serverOf(provider, request.model);
  return {
    [names.OPERATION_NAME]: "chat",
    [names.PROVIDER_NAME]: providerName(provider),
    [names.REQUEST_MODEL]: request.model,
    ...(server && {
      [names.SERVER_ADDRESS]: server.address,
      [names.SERVER_PORT]: server.port,
    }),
  };
}

export function attemptAttributes({
  attempt,
  request,
}: AttemptOperation): Attributes {
  return { [names.ATTEMPT]: attempt, [names.REQUEST_MODEL]: request.model };
}

const providerName = ({ name }: Provider): string =>
  name === "bedrock" ? "aws.bedrock" : name;

/** Of the request as it was asked, before anybody has made another one of it. */
export function requestAttributes(operation: CallOperation): Attributes {
  const { request, parent } = operation;
  const { defaults, conversation, output, stopSequences, bedrock } = request;
  const { promptName, promptVersion } = callFacts(request, parent);
  return {
    [names.REQUEST_STREAM]: request.onDelta !== undefined || undefined,
    [names.REQUEST_MAX_TOKENS]: maxTokensOf(request, findModel(request.model)),
    [names.REQUEST_TEMPERATURE]: request.temperature ?? defaults?.temperature,
    [names.REQUEST_TOP_P]: request.topP,
    [names.REQUEST_STOP_SEQUENCES]: stopSequences && [...stopSequences],
    [names.CONVERSATION_ID]: conversation?.id,
    [names.CONVERSATION_COMPACTED]: conversation?.isCompacted || undefined,
    [names.PROMPT_NAME]: promptName,
    [names.PROMPT_VERSION]: promptVersion,
    [names.OUTPUT_TYPE]: output && "json",
    [names.GUARDRAIL_ID]: bedrock?.guardrailConfig?.guardrailIdentifier,
    [names.STEP_NAME]: enclosing(parent, "step")?.name,
    ...additionalAttributes(request),
  };
}

/** Where the model families have the settings that Converse has no names for. */
const TOP_K = [["top_k"], ["inferenceConfig", "topK"]];
const REASONING_LEVEL = [
  ["output_config", "effort"],
  ["reasoning_effort"],
  ["reasoningConfig", "maxReasoningEffort"],
];

function additionalAttributes({ bedrock }: ModelRequest): Attributes {
  const fields: unknown = bedrock?.additionalModelRequestFields;
  const first = (paths: readonly (readonly string[])[]): unknown =>
    paths
      .map((path) =>
        path.reduce<unknown>(
          (value, name) => Reflect.get(Object(value), name),
          fields,
        ),
      )
      .find((value) => value !== undefined);
  const topK = first(TOP_K);
  const level = first(REASONING_LEVEL);
  return {
    [names.REQUEST_TOP_K]: typeof topK === "number" ? topK : undefined,
    [names.REQUEST_REASONING_LEVEL]:
      typeof level === "string" ? level : undefined,
  };
}

/** Of all attempts: those that failed were paid for too. */
export function usageAttributes({ totals }: CallOperation): Attributes {
  if (totals.attempts === 0) return {};
  const { usage, totalCostUsd } = totals;
  return { ...tokenAttributes(usage), [names.COST_USD]: totalCostUsd };
}

export function tokenAttributes(usage: Usage): Attributes {
  const { cacheReadInputTokens: read, cacheWriteInputTokens: write } = usage;
  return {
    // The conventions count what was cached as a part of the input; Converse does not.
    [names.USAGE_INPUT_TOKENS]: usage.inputTokens + read + write,
    [names.USAGE_OUTPUT_TOKENS]: usage.outputTokens,
    [names.USAGE_CACHE_READ]: read || undefined,
    [names.USAGE_CACHE_WRITE]: write || undefined,
  };
}

export function responseAttributes(response: ModelResponse): Attributes {
  const { timeToFirstTokenMs } = response;
  return {
    [names.RESPONSE_ID]: response.requestId,
    [names.RESPONSE_MODEL]: response.model,
    [names.RESPONSE_FINISH_REASONS]: [response.stopReason],
    [names.RESPONSE_TIME_TO_FIRST_CHUNK]:
      timeToFirstTokenMs === undefined ? undefined : timeToFirstTokenMs / 1_000,
  };
}

/** What is known of an answer that did not come, or not to its end. */
export function failureAttributes(error: unknown): Attributes {
  if (!ModelInvocationError.isInstance(error)) return {};
  return {
    [names.RESPONSE_ID]: error.requestId,
    [names.RESPONSE_FINISH_REASONS]: error.partial && ["error"],
  };
}

export const attemptFailureAttributes = (error: unknown): Attributes => ({
  [names.HTTP_STATUS_CODE]: ModelInvocationError.isInstance(error)
    ? error.httpStatusCode
    : undefined,
});
