import { arrayAt, member, objectAt, stringAt } from "../json.ts";
import {
  type Checked,
  isClaudeModel,
  isConverse,
  type KnownModel,
  modelError,
} from "./known-model.ts";
import { checkText } from "./refuse-member.ts";
import { refuse, ServiceError } from "./service-error.ts";
import type { Operation } from "./types.ts";
import { validateCachePoints } from "./validate-cache-points.ts";
import { validateDocuments } from "./validate-documents.ts";
import { validateInference } from "./validate-inference.ts";
import { validateLength } from "./validate-length.ts";
import { refuseSystem, validateMessages } from "./validate-messages.ts";
import { validateOutputSchema } from "./validate-output-schema.ts";
import { validateProfile } from "./validate-profile.ts";
import { validateThinking } from "./validate-thinking.ts";
import { validateTools } from "./validate-tools.ts";

const MODEL_ID =
  /^(?:[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4}(?::[a-z0-9-]{1,63}){0,2}|arn:aws[a-z-]*:(?:bedrock|sagemaker):[a-z0-9-]*:[0-9]*:[\w./:-]{1,512})$/i;

/** Refuses ids that are none, models past their end of life, and profiles that do not go with model and Region. */
export function validateModel(
  modelId: string,
  model: KnownModel,
  circumstances: {
    readonly region: string | undefined;
    readonly now: number;
    readonly operation: Operation;
  },
): void {
  if (!MODEL_ID.test(modelId))
    refuse("The provided model identifier is invalid.");
  const { region, now, operation } = circumstances;
  if (
    model?.endOfLife !== undefined &&
    now >= Date.parse(model.endOfLife) &&
    model.stillActiveIn?.includes(region ?? "") !== true
  )
    throw new ServiceError("ResourceNotFoundException", {
      message:
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
    });
  // Tokens are counted for bare ids only.
  if (operation !== "CountTokens") validateProfile(modelId, model, region);
}

/** Refuses what the service refuses, in the words of the service where they are known. */
export function validateConverse(request: Checked): void {
  const messages = arrayAt(request.body, "messages");
  // A prompt of the service's own prompt management brings its messages with it.
  if (messages.length > 0 || !/:prompt\//.test(request.modelId))
    validateMessages(messages, request);
  if (isConverse(request)) validateDocuments(messages);
  validateInference(request);
  validateTools(request);
  validateThinking(request);
  validateSystem(request);
  validateOutput(request);
  validateCachePoints(request);
  validateLength(request);
}

function validateSystem(request: Checked): void {
  const { body, model } = request;
  const system = arrayAt(body, "system");
  if (system.length > 0 && model?.systemPrompt === false) refuseSystem();
  for (const [index, block] of system.entries()) {
    const text = stringAt(block, "text");
    if (text === undefined) continue;
    checkText(text, `system.${index}.text`);
    if (text.trim() === "" && model !== undefined && isClaudeModel(request))
      modelError(
        "system: text content blocks must contain non-whitespace text",
      );
  }
}

function validateOutput(request: Checked): void {
  const { body, model } = request;
  const format = objectAt(member(body, "outputConfig"), "textFormat");
  if (format === undefined) return;
  // Null in the catalog: nobody has said yet. Only a clear no is refused.
  if (model?.nativeStructuredOutput === false)
    modelError("output_config.format: Extra inputs are not permitted");
  validateOutputSchema(
    member(member(format, "structure"), "jsonSchema"),
    request,
  );
}
