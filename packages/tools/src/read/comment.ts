import ts from "typescript";
import { type Place, Refusal } from "../problems.ts";

/** What a function's comment says of its tool. */
export interface ToolComment {
  readonly description: string;
  readonly name: string | undefined;
  readonly timeoutMs: number | undefined;
  readonly needsApproval: boolean;
}

const TAGS = ["toolName", "timeoutMs", "needsApproval", "ignore"];

/** What looks like a tag of ours and is none would be lost without a word: an approval that nobody asks for. */
const LIKE = [
  [/^tool-?_?names?$/i, "toolName"],
  [
    /^ti?me?-?_?ou?ts?(?:-?_?(?:in)?-?_?(?:ms|s|seconds|millis\w*))?$/i,
    "timeoutMs",
  ],
  // Its letters may be doubled, lost or swapped.
  [/^needs?|ap+[ro]{1,3}v/i, "needsApproval"],
  [/^ignored?$/i, "ignore"],
] as const;

/** What Bedrock takes for the name of a tool. */
const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;

export function isIgnored(symbol: ts.Symbol): boolean {
  return symbol.getJsDocTags().some(({ name }) => name === "ignore");
}

/** Reads the summary and the tags; `name` is the function's, which `@toolName` overrides. */
export function readComment(
  symbol: ts.Symbol,
  name: string,
  checker: ts.TypeChecker,
  place: Place,
): ToolComment & { readonly name: string } {
  const tags = symbol.getJsDocTags(checker);
  checkTags(tags, place);
  const description = prose(symbol.getDocumentationComment(checker));
  if (description === "")
    throw new Refusal(
      place,
      "it has no description, which the model chooses tools by and the service refuses to do without. Write a TSDoc comment above it, or mark it with @ignore.",
    );
  return {
    description,
    name: toolName(textOf(tags, "toolName"), name, place),
    timeoutMs: timeoutOf(textOf(tags, "timeoutMs"), place),
    needsApproval: approvalOf(textOf(tags, "needsApproval"), place),
  };
}

/** Text as a model reads it: lines joined, paragraphs kept, links by their labels, without the hyphen of `@param x - text`. */
export function prose(parts: readonly ts.SymbolDisplayPart[]): string {
  return parts
    .map((part, index) => textOfPart(part, parts[index - 1], parts[index + 1]))
    .join("")
    .replaceAll("\r", "")
    .replace(/^\s*-\s+/, "")
    .split(/(^```.*?^```)/ms)
    .map((text, index) => (index % 2 === 0 ? joined(text) : text))
    .join("")
    .trim();
}

/** Lines are broken for those who read the source; paragraphs and lists are not. */
const joined = (text: string) => text.replace(/(?<=[^\n])\n(?=[^\n*-])/g, " ");

/** The compiler gives `{@link Name | label}` in parts; of a name that it does not know, it has lost where the label begins. */
function textOfPart(
  { kind, text }: ts.SymbolDisplayPart,
  before: ts.SymbolDisplayPart | undefined,
  after: ts.SymbolDisplayPart | undefined,
): string {
  if (kind === "link") return "";
  if (kind === "linkName") return after?.kind === "linkText" ? "" : text;
  if (kind !== "linkText" || before?.kind === "linkName") return text;
  return text.trim().replace(/^\S+\s+/, "");
}

function checkTags(tags: readonly ts.JSDocTagInfo[], place: Place): void {
  for (const { name } of tags) {
    if (TAGS.includes(name)) continue;
    const meant = LIKE.find(([pattern]) => pattern.test(name))?.[1];
    if (meant !== undefined)
      throw new Refusal(place, `there is no tag @${name}: write @${meant}.`);
  }
}

/** The text of a tag; "" for one without. */
function textOf(
  tags: readonly ts.JSDocTagInfo[],
  name: string,
): string | undefined {
  const tag = tags.find((one) => one.name === name);
  return tag && ts.displayPartsToString(tag.text).trim();
}

function toolName(
  given: string | undefined,
  name: string,
  place: Place,
): string {
  const chosen = given ?? name;
  if (!TOOL_NAME.test(chosen))
    throw new Refusal(
      place,
      `"${chosen}" cannot be the name of a tool, which has 1 to 64 letters, digits, _ and -. Give it one with @toolName.`,
    );
  return chosen;
}

function timeoutOf(
  given: string | undefined,
  place: Place,
): number | undefined {
  if (given === undefined) return undefined;
  const timeoutMs = Number(given.replaceAll("_", ""));
  if (!/^[\d_]+$/.test(given) || timeoutMs < 1)
    throw new Refusal(
      place,
      `@timeoutMs takes a whole number of milliseconds, not "${given}".`,
    );
  return timeoutMs;
}

function approvalOf(given: string | undefined, place: Place): boolean {
  if (given !== undefined && !["", "true", "false"].includes(given))
    throw new Refusal(
      place,
      `@needsApproval stands alone, or with true or false, not with "${given}". What it depends on can be said in a tool that you write yourself.`,
    );
  return given !== undefined && given !== "false";
}
