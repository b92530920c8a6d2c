import { isObject } from "@lambdallm/core/feature";
import { member, objectAt, stringAt } from "../json.ts";
import {
  type Checked,
  isClaudeModel,
  isConverse,
  modelError,
} from "./known-model.ts";
import { blocksOf, has, type PlacedBlock } from "./placed-blocks.ts";
import { checkText, refuseMember, TOOL_NAME } from "./refuse-member.ts";
import { refuse } from "./service-error.ts";
import { validateDocument } from "./validate-documents.ts";

const IMAGE_FORMATS = ["png", "jpeg", "gif", "webp"];

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html: in one message. */
const MAX_IMAGES = 20;

/** Refuses what no model takes in the blocks of a message, and in those of its tool results. */
export function validateBlocks(
  message: unknown,
  path: string,
  request: Checked,
): void {
  const { model } = request;
  const placed = blocksOf(message, path);
  const blocks = placed.map(({ block }) => block);
  const signed = blocks.some(isSigned);
  const refusesBlankText =
    model !== undefined && (isConverse(request) || isClaudeModel(request));
  for (const place of placed) {
    validateImage(place);
    validateToolUse(place);
    validateToolResult(place);
    validateReasoning(place, request);
    if (isConverse(request)) validateDocument(place);
    // Of blank text that was signed with the message it stands in, reports contradict one another.
    if (refusesBlankText && !signed) validateText(place);
  }
  const images = blocks.filter((block) => has([block], "image")).length;
  if (images > 0 && model?.vision === false)
    refuse(
      "This model doesn't support the image content block. Remove the image and try again.",
    );
  if (model !== undefined && images > MAX_IMAGES)
    modelError(`too many images and documents: ${images} + 0 > ${MAX_IMAGES}`);
}

function isSigned(block: unknown): boolean {
  const reasoning = objectAt(block, "reasoningContent");
  return (
    member(reasoning, "redactedContent") !== undefined ||
    stringAt(member(reasoning, "reasoningText"), "signature") !== undefined
  );
}

function validateText({ block, path }: PlacedBlock): void {
  if (stringAt(block, "text")?.trim() === "")
    refuse(
      `The text field in the ContentBlock object at ${path} is blank. Add text to the text field, and try again.`,
    );
}

function validateImage({ block, path }: PlacedBlock): void {
  const format = stringAt(member(block, "image"), "format");
  if (format !== undefined && !IMAGE_FORMATS.includes(format))
    refuse(
      `1 validation error detected: Value '${format}' at '${path}.image.format' failed to satisfy constraint: Member must satisfy enum value set: [${IMAGE_FORMATS.join(", ")}]`,
    );
}

function validateToolUse({ block, path }: PlacedBlock): void {
  const use = objectAt(block, "toolUse");
  if (use === undefined) return;
  const place = `${path}.toolUse`;
  checkText(stringAt(use, "name") ?? "", `${place}.name`, TOOL_NAME);
  checkText(stringAt(use, "toolUseId") ?? "", `${place}.toolUseId`, TOOL_NAME);
  if (!isObject(member(use, "input"))) refuseFormat(`${place}.input`);
}

function validateToolResult({ block, path }: PlacedBlock): void {
  const id = stringAt(member(block, "toolResult"), "toolUseId");
  if (id !== undefined)
    checkText(id, `${path}.toolResult.toolUseId`, TOOL_NAME);
  // What the SDK does not know leaves an empty object.
  if (Object.keys(Object(block)).length === 0)
    refuse(
      `The ToolResultContentBlock object at ${path} must set one of the following keys: json, text, image, document, video, searchResult.`,
    );
  const json = member(block, "json");
  if (json !== undefined && !isObject(json)) refuseFormat(`${path}.json`);
}

function refuseFormat(path: string): never {
  refuse(
    `The format of the value at ${path} is invalid. Provide a json object for the field and try again.`,
  );
}

function validateReasoning(
  { block, path }: PlacedBlock,
  request: Checked,
): void {
  const reasoning = objectAt(block, "reasoningContent");
  if (reasoning === undefined) return;
  // DeepSeek-R1 says so of its own messages, too.
  if (request.model?.reasoningReplay === false)
    refuse(
      "User messages cannot contain reasoning content. Please remove the reasoning content and try again.",
    );
  const written = objectAt(reasoning, "reasoningText");
  if (written === undefined) return;
  if (stringAt(written, "text") === undefined)
    refuseMember(
      "null",
      `${path}.reasoningContent.reasoningText.text`,
      "not be null",
    );
}
