import type { ContentBlock } from "../contract/content.ts";
import type { ModelRequest } from "../contract/model-call.ts";

/** What a chat template, the date and the like add to a prompt. */
const REQUEST_TOKENS = 500;
/** What names the role and ends the turn. */
const MESSAGE_TOKENS = 16;
const BLOCK_TOKENS = 4;
/** What a service tells the model about tools or an output format; the largest figure published is about 800. */
const INSTRUCTION_TOKENS = 1_500;
const TOOL_TOKENS = 64;
/** The most that any model of the catalog makes of one image: 16,384, of Qwen's. */
const IMAGE_TOKENS = 17_000;
/** JSON may reach the model as XML, and a file or a search result with marks for citations. */
const REWORDED = 2;

const TEXT_FORMATS: ReadonlySet<unknown> = new Set([
  "txt",
  "md",
  "csv",
  "html",
]);

/**
 * An upper bound of a request's input tokens, not an estimate: every token of a byte-level tokeniser is at least one byte
 * of UTF-8. `Infinity` where the bytes say nothing: compressed documents, videos, audio, files in S3, blocks of an unknown
 * kind.
 */
export function inputTokenBound(request: ModelRequest): number {
  try {
    return requestTokens(request);
  } catch {
    // Nested too deeply, circular, not what the types say: whoever sends it finds out, and a budget is not in the way.
    return Number.POSITIVE_INFINITY;
  }
}

function requestTokens(request: ModelRequest): number {
  const { messages, system = [], tools = [], output, bedrock } = request;
  let tokens = REQUEST_TOKENS;
  for (const block of system) tokens += blockTokens(block);
  for (const { content } of messages) {
    tokens += MESSAGE_TOKENS;
    for (const block of content) tokens += blockTokens(block);
  }
  for (const tool of tools) tokens += TOOL_TOKENS + REWORDED * jsonTokens(tool);
  if (output !== undefined) tokens += REWORDED * jsonTokens(output);
  if (bedrock !== undefined) tokens += REWORDED * jsonTokens(bedrock);
  return hasInstructions(request) ? tokens + INSTRUCTION_TOKENS : tokens;
}

/** Server tools and output formats can come with Bedrock's own settings, too. */
function hasInstructions({
  messages,
  tools = [],
  output,
  bedrock,
}: ModelRequest): boolean {
  return (
    tools.length > 0 ||
    output !== undefined ||
    bedrock?.additionalModelRequestFields !== undefined ||
    bedrock?.outputConfig !== undefined ||
    messages.some(({ content }) => content.some(isToolBlock))
  );
}

function isToolBlock(block: object): boolean {
  return Object.keys(block).some((kind) => kind.startsWith("tool"));
}

function blockTokens(block: object): number {
  // A block has one key; whatever else is there is not left out.
  let tokens = BLOCK_TOKENS;
  for (const [kind, value] of Object.entries(block))
    tokens += tokensOf(kind, value);
  return tokens;
}

/** The value of a block, by the block's key. */
function tokensOf(kind: string, value: unknown): number {
  switch (kind) {
    case "text":
      return typeof value === "string" ? textTokens(value) : jsonTokens(value);
    case "cachePoint":
      return 0;
    case "image":
      return IMAGE_TOKENS;
    case "document":
      return REWORDED * documentTokens(Object(value));
    case "toolResult":
      return toolResultTokens(Object(value));
    case "guardContent":
      return blockTokens(Object(value));
    case "reasoningContent":
      return reasoningTokens(Object(value));
    case "toolUse":
    case "json":
    case "citationsContent":
    case "searchResult":
    case "toolAddition":
    case "toolRemoval":
      return REWORDED * jsonTokens(value);
    default:
      return Number.POSITIVE_INFINITY;
  }
}

function toolResultTokens({
  content = [],
  ...rest
}: {
  content?: readonly ContentBlock[];
}): number {
  let tokens = jsonTokens(rest);
  for (const part of content) tokens += blockTokens(part);
  return tokens;
}

function reasoningTokens(value: { redactedContent?: unknown }): number {
  const { redactedContent } = value;
  if ("$unknown" in value) return Number.POSITIVE_INFINITY;
  // Encrypted, and not shorter than what it hides.
  return redactedContent instanceof Uint8Array
    ? redactedContent.byteLength
    : jsonTokens(value);
}

function documentTokens({
  source,
  ...rest
}: {
  source?: object;
  format?: unknown;
}): number {
  const bytes: unknown = Reflect.get(Object(source), "bytes");
  const about = jsonTokens(rest);
  if (bytes instanceof Uint8Array)
    return TEXT_FORMATS.has(rest.format)
      ? about + textTokens(Buffer.from(bytes).toString("utf8"))
      : Number.POSITIVE_INFINITY;
  return "s3Location" in Object(source)
    ? Number.POSITIVE_INFINITY
    : about + jsonTokens(source);
}

/** In UTF-8: U+FDFA has 3 bytes, and its 18 characters have 33. No other character grows as much. */
const MOST_GROWTH = 11;
/** Marks are sorted when a text is normalised, which takes a second for 100,000 in a row, and a hundred for a million. */
const MANY_MARKS = /(?<![\p{M}\uff9e\uff9f])[\p{M}\uff9e\uff9f]{32}/u;

/** Some tokenisers normalise first, and what then is longer counts. */
function textTokens(text: string): number {
  const bytes = Buffer.byteLength(text);
  if (bytes === text.length) return bytes;
  if (MANY_MARKS.test(text)) return bytes * MOST_GROWTH;
  return Math.max(bytes, Buffer.byteLength(text.normalize("NFKC")));
}

const INDENT = 4;
const ESCAPE_LENGTH = "\\u0000".length;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const TILDE = 0x7e;

/**
 * JSON in its longest spelling: indented, or with everything escaped that is not ASCII. Counted, because the indentation of
 * what is nested deeply can be a thousand times as long as the rest.
 */
function jsonTokens(value: unknown): number {
  const json = JSON.stringify(value) ?? "";
  let layout = 0;
  let escapes = 0;
  let depth = 0;
  let isInText = false;
  for (let index = 0; index < json.length; index++) {
    const code = json.charCodeAt(index);
    if (isInText && code === BACKSLASH) index += 1;
    else if (code === QUOTE) isInText = !isInText;
    else if (isInText) escapes += code < SPACE || code > TILDE ? 1 : 0;
    else if (code === COLON) layout += 1;
    else if (code === COMMA) layout += 1 + INDENT * depth;
    else if (code === OPEN_LIST || code === OPEN_OBJECT)
      layout += 1 + INDENT * ++depth;
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT)
      layout += 1 + INDENT * --depth;
  }
  const escaped = json.length + escapes * (ESCAPE_LENGTH - 1);
  return layout + Math.max(textTokens(json), escaped);
}
