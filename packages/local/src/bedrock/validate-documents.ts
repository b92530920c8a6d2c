import { objectAt, stringAt } from "../json.ts";
import { blocksOf, type PlacedBlock } from "./placed-blocks.ts";
import { checkText } from "./refuse-member.ts";
import { refuse } from "./service-error.ts";

/** In one request. */
const MAX_DOCUMENTS = 5;

/**
 * Letters, digits, hyphens, parentheses, brackets and single spaces. Users found that `_` is taken, too; it is not promised.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
 */
const NAME = /^(?:[a-zA-Z0-9()[\]-]| (?! ))+$/;
const NAME_LENGTH = { maxLength: 200 };

/** Refuses names that no document can have. */
export function validateDocument({ block, path }: PlacedBlock): void {
  const document = objectAt(block, "document");
  if (document === undefined) return;
  const name = stringAt(document, "name") ?? "";
  checkText(name, `${path}.document.name`, NAME_LENGTH);
  if (!NAME.test(name))
    refuse(
      "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character. Check that the file name conforms to these restrictions and retry your request.",
    );
}

/** Refuses more documents than a request can have, and two of one name. */
export function validateDocuments(messages: readonly unknown[]): void {
  const names = messages
    .flatMap((message) => blocksOf(message, ""))
    .map(({ block }) => objectAt(block, "document"))
    .filter((document) => document !== undefined)
    .map((document) => stringAt(document, "name"));
  if (names.length > MAX_DOCUMENTS)
    refuse(
      `You can't include more than ${MAX_DOCUMENTS} documents in a request. Reduce the number of documents and retry your request.`,
    );
  if (new Set(names).size < names.length)
    refuse(
      "Messages can't contain duplicate document names. Rename the document and retry your request.",
    );
}
