import { estimateTokens } from "@lambdallm/core";
import {
  arrayAt,
  isObject,
  type JsonObject,
  member,
  numberAt,
  objectAt,
  stringAt,
} from "../json.ts";
import { allText } from "./answer.ts";
import { isClaude, type KnownModel, modelError } from "./known-model.ts";
import { refuse, ServiceError } from "./service-error.ts";
import { validateMessages } from "./validate-messages.ts";
import { validateOutputSchema } from "./validate-output-schema.ts";
import { validateTools } from "./validate-tools.ts";
import { messagesFromWire } from "./wire-json.ts";

const MODEL_ID =
  /^(?:[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4}(?::[a-z0-9-]{1,63}){0,2}|arn:aws[a-z-]*:(?:bedrock|sagemaker):[a-z0-9-]*:[0-9]*:[\w./:-]{1,512})$/i;

/** Refuses ids that are none, and models past their end of life. */
export function validateModel(
  modelId: string,
  model: KnownModel,
  circumstances: { readonly region: string | undefined; readonly now: number },
): void {
  if (!MODEL_ID.test(modelId))
    refuse("The provided model identifier is invalid.");
  const { region = "", now } = circumstances;
  if (
    model?.endOfLife !== undefined &&
    now >= Date.parse(model.endOfLife) &&
    model.stillActiveIn?.includes(region) !== true
  )
    throw new ServiceError("ResourceNotFoundException", {
      message:
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
    });
}

/** Refuses what the service refuses, in the words of the service where they are known. */
export function validateConverse(
  body: JsonObject,
  modelId: string,
  model: KnownModel,
  streaming: boolean,
): void {
  const messages = arrayAt(body, "messages");
  const toolConfig = objectAt(body, "toolConfig");
  // A prompt of the service's own prompt management brings its messages with it.
  if (messages.length > 0 || !/:prompt\//.test(modelId))
    validateMessages(messages, {
      isClaude: isClaude(modelId, model),
      hasTools: toolConfig !== undefined,
    });
  validateInference(objectAt(body, "inferenceConfig"), model, modelId);
  validateTools(toolConfig, body, modelId, model, streaming);
  validateSystem(body, model);
  validateMedia(messages, model);
  validateOutput(body, model);
  validateCaching(body, model);
  validateLength(body, model);
}

function validateInference(
  config: JsonObject | undefined,
  model: KnownModel,
  modelId: string,
): void {
  const maxTokens = numberAt(config, "maxTokens");
  if (
    maxTokens !== undefined &&
    (maxTokens < 1 || !Number.isInteger(maxTokens))
  )
    refuse(
      `1 validation error detected: Value '${maxTokens}' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1`,
    );
  const sampling = [
    ["temperature", numberAt(config, "temperature")],
    ["top_p", numberAt(config, "topP")],
  ] as const;
  for (const [name, value] of sampling) {
    if (value === undefined) continue;
    if (value < 0 || value > 1)
      refuse(
        `1 validation error detected: Value '${value}' at 'inferenceConfig.${name === "top_p" ? "topP" : name}' failed to satisfy constraint: Member must have value between 0 and 1`,
      );
    if (model?.samplingParameters === false)
      modelError(`\`${name}\` is deprecated for this model.`);
  }
  if (
    sampling.every(([, value]) => value !== undefined) &&
    /claude-[a-z]+-4-[56](?!\d)/.test(model?.id ?? modelId)
  )
    modelError(
      "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    );
  if (
    model?.maxOutputTokens !== undefined &&
    maxTokens !== undefined &&
    maxTokens > model.maxOutputTokens
  )
    refuse(
      `The maximum tokens you requested exceeds the model limit of ${model.maxOutputTokens}. Try again with a maximum tokens value that is lower than ${model.maxOutputTokens}.`,
    );
}

function validateSystem(body: JsonObject, model: KnownModel): void {
  const hasSystem = arrayAt(body, "system").length > 0;
  if (hasSystem && model?.systemPrompt === false)
    refuse(
      "This model doesn't support system messages. Try again without a system message or use a model that supports system messages.",
    );
}

function validateMedia(messages: readonly unknown[], model: KnownModel): void {
  const hasImage = messages.some((message) =>
    arrayAt(message, "content").some(
      (block) => member(block, "image") !== undefined,
    ),
  );
  if (hasImage && model?.vision === false)
    refuse(
      "This model doesn't support the image content block. Remove the image and try again.",
    );
}

function validateOutput(body: JsonObject, model: KnownModel): void {
  const format = objectAt(member(body, "outputConfig"), "textFormat");
  if (format === undefined) return;
  // Null in the catalog: nobody has said yet. Only a clear no is refused.
  if (model?.nativeStructuredOutput === false)
    modelError("output_config.format: Extra inputs are not permitted");
  validateOutputSchema(
    member(member(format, "structure"), "jsonSchema"),
    model !== undefined,
  );
}

function validateCaching(body: JsonObject, model: KnownModel): void {
  if (model?.promptCaching !== false) return;
  const places = [
    arrayAt(body, "system"),
    arrayAt(member(body, "toolConfig"), "tools"),
    ...arrayAt(body, "messages").map((message) => arrayAt(message, "content")),
  ];
  if (places.flat().some((block) => isObject(member(block, "cachePoint"))))
    throw new ServiceError("AccessDeniedException", {
      message:
        "You invoked an unsupported model or your request did not allow prompt caching. See the documentation for more information.",
    });
}

function validateLength(body: JsonObject, model: KnownModel): void {
  const limit = model?.contextWindowTokens;
  if (limit === undefined) return;
  const texts = [
    ...arrayAt(body, "system").map((block) => stringAt(block, "text") ?? ""),
    ...messagesFromWire(arrayAt(body, "messages")).map((message) =>
      allText(message.content),
    ),
  ];
  if (estimateTokens(texts.join("\n")) > limit)
    refuse("Input is too long for requested model.");
}
