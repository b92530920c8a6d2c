import {
  arrayAt,
  defined,
  type JsonObject,
  numberAt,
  objectAt,
} from "../json.ts";
import type {
  BedrockRequest,
  InferenceConfig,
  Operation,
  OutputConfig,
  ToolConfig,
} from "./types.ts";
import { messagesFromWire } from "./wire-json.ts";

/** A Converse body as a request. The casts are the border: the validation has refused what the service would. */
export function requestOf(
  body: JsonObject,
  facts: {
    readonly operation: Operation;
    readonly modelId: string;
    readonly signal: AbortSignal;
    readonly rawBody?: unknown;
  },
): BedrockRequest {
  const { rawBody, ...rest } = facts;
  return {
    ...rest,
    streaming: facts.operation === "ConverseStream",
    messages: messagesFromWire(arrayAt(body, "messages")),
    system: arrayAt(body, "system") as BedrockRequest["system"],
    inferenceConfig: inferenceOf(objectAt(body, "inferenceConfig")),
    ...defined({
      toolConfig: objectAt(body, "toolConfig") as ToolConfig | undefined,
      outputConfig: objectAt(body, "outputConfig") as OutputConfig | undefined,
    }),
    body: rawBody ?? body,
  };
}

function inferenceOf(config: JsonObject | undefined): InferenceConfig {
  const stopSequences = arrayAt(config, "stopSequences").filter(
    (sequence): sequence is string => typeof sequence === "string",
  );
  return defined({
    maxTokens: numberAt(config, "maxTokens"),
    temperature: numberAt(config, "temperature"),
    topP: numberAt(config, "topP"),
    stopSequences: stopSequences.length === 0 ? undefined : stopSequences,
  });
}

/** The Region in the credential scope of a SigV4 signature. */
export function regionOf(
  authorization: string | undefined,
): string | undefined {
  return /Credential=[^/]+\/\d+\/([a-z0-9-]+)\//.exec(authorization ?? "")?.[1];
}
