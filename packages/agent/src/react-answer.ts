import type {
  ContentBlock,
  JsonValue,
  ModelResponse,
  Tool,
} from "@lambdallm/core";
import {
  extractJson,
  isObject,
  type ModelRequest,
} from "@lambdallm/core/feature";
import { LABELS } from "./react-prompt.ts";

type Label = keyof typeof LABELS;

/** A label in an answer: where it begins, and where what it says does. */
interface Mark {
  readonly label: Label;
  readonly start: number;
  readonly end: number;
}

const BY_NAME: ReadonlyMap<string, Label> = new Map(
  // Of a list of both.
  (Object.entries(LABELS) as [Label, string][]).map(([label, name]) => [
    name.toLowerCase(),
    label,
  ]),
);

/** Whatever stands around it, such as asterisks. "Action Input" comes before "Action". */
const LABEL =
  /(thought|action input|action|observation|final answer)[*_`]{0,4}[ \t]?:[*_`]{0,4}/gi;

/** What may stand in front of a label in its line. */
const ORNAMENTS = /^[\s>*_#`\-\d.]*$/;
const LONGEST_ORNAMENT = 20;

const NO_ACTION = /^(?:none|no action|no tool|n\/a|nothing)\b/i;

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html */
const LONGEST_NAME = 64;

/** After these there is nothing to be called, whatever the text says. */
const READABLE: ReadonlySet<string> = new Set([
  "end_turn",
  "stop_sequence",
  "max_tokens",
]);

/**
 * An answer in the form of `reactRequest` as a model with tools gives it: a call of a tool, or the answer's text. The first
 * call counts, and what stands behind it is left out: the model has made up its result. Text without the form is the answer.
 *
 * Never throws, and takes time by the length of the text and nothing else.
 *
 * @param request The one before `reactRequest`: its tools, and what ids its calls have.
 */
export function reactAnswer<
  Response extends Pick<ModelResponse, "message" | "text" | "stopReason">,
>(
  response: Response,
  { tools = [], messages }: Pick<ModelRequest, "tools" | "messages">,
): Response {
  const { text, stopReason, message } = response;
  if (!READABLE.has(stopReason)) return response;
  const { before, call, answer } = readForm(text, tools);
  const spoken = call === undefined ? answer : before;
  const content: ContentBlock[] = [
    ...message.content.filter((block) => !("text" in block)),
    ...(spoken === "" ? [] : [{ text: spoken }]),
  ];
  const isCut = stopReason === "max_tokens" && !isObject(call?.input);
  if (call !== undefined)
    content.push({ toolUse: { ...call, toolUseId: nextId(messages) } });
  return {
    ...response,
    message: { ...message, content },
    text: spoken,
    stopReason: call === undefined || isCut ? stopReason : "tool_use",
  };
}

function nextId(messages: ModelRequest["messages"]): string {
  const calls = messages.flatMap(({ content }) =>
    content.filter((block) => "toolUse" in block),
  );
  return `react-${calls.length + 1}`;
}

interface Form {
  /** What is thought in front of a call. */
  readonly before: string;
  readonly call?: { readonly name: string; readonly input: JsonValue };
  readonly answer: string;
}

function readForm(text: string, tools: readonly Tool[]): Form {
  const marks = marksIn(text);
  for (const [index, mark] of marks.entries()) {
    if (mark.label === "answer") {
      const answer = text.slice(mark.end).trim();
      return { before: "", answer: answer || beforeMark(text, mark) };
    }
    if (mark.label !== "action") continue;
    const call = callAt(text, mark, marks[index + 1], tools);
    if (call !== undefined)
      return { before: beforeMark(text, mark), call, answer: "" };
  }
  return { before: "", answer: withoutLabel(text) };
}

function beforeMark(text: string, { start }: Mark): string {
  return withoutLabel(text.slice(0, start));
}

/** In the middle of a line only where it is written as it was asked for. */
function marksIn(text: string): readonly Mark[] {
  const marks: Mark[] = [];
  for (const match of text.matchAll(LABEL)) {
    const name = String(match[1]);
    // The pattern has their names only.
    const label = BY_NAME.get(name.toLowerCase()) as Label;
    const start = lineStart(text, match.index);
    const isOwnLine = start !== undefined;
    const isExact =
      name === LABELS[label] && /\s/.test(text.charAt(match.index - 1));
    if (isOwnLine || isExact)
      marks.push({
        label,
        start: start ?? match.index,
        end: match.index + match[0].length,
      });
  }
  return marks;
}

/** Where the line of a label begins; undefined when something else stands in front of it. */
function lineStart(text: string, index: number): number | undefined {
  const near = text.slice(Math.max(0, index - LONGEST_ORNAMENT), index);
  const start = near.lastIndexOf("\n") + 1;
  const isWhole = start > 0 || index <= LONGEST_ORNAMENT;
  return isWhole && ORNAMENTS.test(near.slice(start))
    ? index - near.length + start
    : undefined;
}

function withoutLabel(text: string): string {
  const trimmed = text.trim();
  const [first] = marksIn(trimmed.slice(0, 2 * LONGEST_ORNAMENT));
  return first?.label === "thought" && first.start === 0
    ? trimmed.slice(first.end).trim()
    : trimmed;
}

function callAt(
  text: string,
  action: Mark,
  next: Mark | undefined,
  tools: readonly Tool[],
): Form["call"] {
  const said = text.slice(action.end, next?.start).trim();
  const line = said.split("\n", 1).join("");
  const end = line.search(/[([{]/);
  const written = end < 0 ? line : line.slice(0, end);
  const name = written.replace(/[^a-zA-Z0-9_-]+/g, " ").trim();
  const spec = specOf(name, tools) ?? specOf(name.split(" ", 1)[0], tools);
  if (spec === undefined && (name === "" || NO_ACTION.test(written.trim())))
    return undefined;
  const inBrackets = line.slice(written.length).trimEnd();
  const rest =
    next?.label === "input"
      ? text.slice(next.end)
      : inBrackets.replace(/^[([]/, "").replace(/[)\]]$/, "");
  return {
    name: spec?.name ?? name.replaceAll(" ", "_").slice(0, LONGEST_NAME),
    input: inputOf(rest, spec?.inputSchema.json),
  };
}

function specOf(name: string | undefined, tools: readonly Tool[]) {
  const specs = tools.flatMap((tool) =>
    "toolSpec" in tool ? [tool.toolSpec] : [],
  );
  return (
    specs.find((one) => one.name === name) ??
    specs.find((one) => one.name.toLowerCase() === name?.toLowerCase())
  );
}

/** The JSON object that a text begins with, else what its lines up to the next label say. */
function inputOf(text: string, schema: unknown): JsonValue {
  const whole = objectAtStart(text);
  // It was read from JSON.
  if (whole !== undefined) return whole as JsonValue;
  const [next] = marksIn(text);
  const written = text.slice(0, next?.start).trim();
  const json = extractJson(written)?.value;
  if (isObject(json)) return json as JsonValue;
  const plain = unquoted(written);
  if (plain === "" || plain === "None") return {};
  const names = Object.keys(Object(Reflect.get(Object(schema), "properties")));
  const [only] = names;
  if (only === undefined || names.length > 1 || /^[{[]/.test(plain))
    return written;
  return { [only]: json === undefined ? plain : (json as JsonValue) };
}

/** Without as many quotes as stand at both ends. Not by a pattern, which would try every number of them. */
function unquoted(text: string): string {
  let count = 0;
  while (
    2 * count + 1 < text.length &&
    "`\"'".includes(text.charAt(count)) &&
    text.at(-1 - count) === text[count]
  )
    count += 1;
  return text.slice(count, text.length - count).trim();
}

/** What comes behind it does not count, even if it is more JSON. */
function objectAtStart(text: string): object | undefined {
  const start = text.indexOf("{");
  if (
    start < 0 ||
    !/^\s*(?:```\w*\s*)?$/.test(text.slice(0, start).slice(0, 40))
  )
    return undefined;
  let depth = 0;
  let isString = false;
  for (let index = start; index < text.length; index++) {
    const character = text[index];
    if (isString) {
      if (character === "\\") index += 1;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (character === "{") depth += 1;
    else if (character === "}") depth -= 1;
    if (depth > 0) continue;
    const value = extractJson(text.slice(start, index + 1))?.value;
    return isObject(value) ? value : undefined;
  }
  return undefined;
}
