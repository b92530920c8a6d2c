import {
  type DocumentBlock,
  findModel,
  type Message,
  type ToolResultContent,
} from "@lambdallm/core";
import { mapResults } from "./map-results.ts";

/** In a request. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html */
const MOST_DOCUMENTS = 5;

/** In a message. */
const MOST_IMAGES = 20;

/**
 * The messages with as many files in the results of tools as the service takes, the last ones, and none that the model cannot
 * read: a note stands in place of each of the others. What the caller has asked with is not touched.
 */
export function fitFiles(
  messages: readonly Message[],
  model: string,
): readonly Message[] {
  const info = findModel(model);
  let documents = messages.reduce(
    (count, message) => count + countOf("document", message),
    0,
  );
  let current: Message | undefined;
  let images = 0;
  const wrongWithDocument = ({ format }: DocumentBlock) => {
    if (info?.pdf === false && format === "pdf")
      return "this model reads no PDF";
    documents += 1;
    return documents > MOST_DOCUMENTS
      ? `a request takes ${MOST_DOCUMENTS}`
      : undefined;
  };
  const wrongWithImage = (message: Message) => {
    if (info?.vision === false) return "this model reads no images";
    if (message !== current) images = countOf("image", message);
    current = message;
    images += 1;
    return images > MOST_IMAGES ? `a message takes ${MOST_IMAGES}` : undefined;
  };
  return mapResults(messages, (result, message) => {
    const content = result.content.toReversed().map((part) => {
      if ("document" in part)
        return noted(part, "document", wrongWithDocument(part.document));
      return "image" in part
        ? noted(part, "image", wrongWithImage(message))
        : part;
    });
    return content.every((part) => result.content.includes(part))
      ? result
      : { ...result, content: content.reverse() };
  });
}

function countOf(kind: "document" | "image", { content }: Message): number {
  return content.filter((block) => kind in block).length;
}

function noted(
  part: ToolResultContent,
  what: string,
  reason: string | undefined,
): ToolResultContent {
  return reason === undefined
    ? part
    : { text: `(The ${what} is left out: ${reason}.)` };
}
