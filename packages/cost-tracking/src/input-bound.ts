import type { ContentBlock, ModelRequest } from "@lambdallm/core";

/** What a chat template, the date and the like add to a prompt. */
const REQUEST_TOKENS = 500;
/** What names the role and ends the turn. */
const MESSAGE_TOKENS = 16;
const BLOCK_TOKENS = 4;
/** What a service tells the model about tools or an output format; the largest figure published is about 800. */
const TOOLS_TOKENS = 1_500;
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
  // A history with tool calls has its tools declared; server tools and output formats come with Bedrock's own settings.
  return tokens + TOOLS_TOKENS;
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

/** Some tokenisers normalise first, and a ligature of three bytes can become a phrase of 33. */
function textTokens(text: string): number {
  const bytes = Buffer.byteLength(text);
  return bytes === text.length
    ? bytes
    : Math.max(bytes, Buffer.byteLength(text.normalize("NFKC")));
}

const ESCAPED = /[^\n -~]/g;
const ESCAPE_LENGTH = "\\u0000".length;

/** Indented JSON in its longest spelling, with everything escaped that is not ASCII. */
function jsonTokens(value: unknown): number {
  const json = JSON.stringify(value, undefined, 4) ?? "";
  const escapes = json.match(ESCAPED)?.length ?? 0;
  return Math.max(
    textTokens(json),
    json.length + escapes * (ESCAPE_LENGTH - 1),
  );
}
