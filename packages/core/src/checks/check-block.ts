import { isObject } from "./is-object.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What is wrong, as the rest of a sentence that begins with the place; it never quotes what stands there. */
type Wrong = string | undefined;

type Kinds = ReadonlyMap<string, (fields: Fields) => Wrong>;

/**
 * What every model refuses in a block of a message. Kinds that are not known here are the service's business. No block is
 * looked at inside of one of its own kind, so that this ends however deeply a message is nested.
 */
export function wrongInBlock(block: unknown, mayBeBlank: boolean): Wrong {
  return wrongInUnion(block, (key, value) => {
    if (key !== "text") return wrongInKind(KINDS, key, value);
    const isGood =
      typeof value === "string" && (mayBeBlank || value.trim() !== "");
    return isGood ? undefined : ".text must be a text that is not blank.";
  });
}

/** A result may say nothing, or be JSON of any kind: a provider knows other words for it. */
function wrongInResultPart(part: unknown): Wrong {
  return wrongInUnion(part, (key, value) => {
    if (key === "json") return undefined;
    if (key === "text") return wrongText(".text", value);
    // The SDK would send an empty part.
    if (KINDS.has(key) && !FILES.has(key))
      return `.${key} cannot be in the result of a tool.`;
    return wrongInKind(FILES, key, value);
  });
}

/** The SDK leaves fields out that are undefined, so they are none. */
function wrongInUnion(
  union: unknown,
  wrongIn: (key: string, value: unknown) => Wrong,
): Wrong {
  if (!isObject(union)) return " must be an object.";
  const [member, ...others] = Object.entries(union).filter(
    ([, value]) => value !== undefined,
  );
  return member === undefined || others.length > 0
    ? " must have exactly one key."
    : wrongIn(...member);
}

function wrongInKind(kinds: Kinds, kind: string, value: unknown): Wrong {
  const wrongInFields = kinds.get(kind);
  // The name of a kind that nobody knows may be content: it is not named.
  if (wrongInFields === undefined)
    return typeof value === "object" && value !== null
      ? undefined
      : " must have an object under its key.";
  const wrong = isObject(value) ? wrongInFields(value) : " must be an object.";
  return wrong && `.${kind}${wrong}`;
}

const FILES: Kinds = new Map([
  ["image", wrongInMedia],
  ["video", wrongInMedia],
  ["audio", wrongInMedia],
  ["document", wrongInDocument],
]);

const KINDS: Kinds = new Map([
  ...FILES,
  ["toolUse", wrongInToolUse],
  ["toolResult", wrongInToolResult],
  ["reasoningContent", wrongInReasoning],
  ["guardContent", wrongInGuardContent],
]);

function wrongInMedia({ format, source }: Fields): Wrong {
  return wrongText(".format", format) ?? wrongSource(source);
}

function wrongInDocument({ name, source }: Fields): Wrong {
  return wrongText(".name", name) ?? wrongSource(source);
}

function wrongSource(source: unknown): Wrong {
  const wrong = wrongInUnion(source, () => undefined);
  return wrong && `.source${wrong}`;
}

function wrongInToolUse({ toolUseId, name }: Fields): Wrong {
  return wrongText(".toolUseId", toolUseId) ?? wrongText(".name", name);
}

function wrongInToolResult({ toolUseId, content }: Fields): Wrong {
  const wrongId = wrongText(".toolUseId", toolUseId);
  if (wrongId !== undefined) return wrongId;
  if (!Array.isArray(content)) return ".content must be an array.";
  for (const [index, part] of content.entries()) {
    const wrong = wrongInResultPart(part);
    if (wrong !== undefined) return `.content[${index}]${wrong}`;
  }
  return undefined;
}

const REASONING = ["reasoningText", "redactedContent", "$unknown"];

/** Thoughts without a text are everyday: a model can sign what it does not show. */
function wrongInReasoning(fields: Fields): Wrong {
  return wrongInUnion(fields, (key, value) => {
    if (!REASONING.includes(key))
      return ` must have one of ${REASONING.join(", ")}.`;
    return wrongInKind(FILES, key, value);
  });
}

/** Its text is an object, other than that of a message. */
function wrongInGuardContent(fields: Fields): Wrong {
  return wrongInUnion(fields, (key, value) => wrongInKind(FILES, key, value));
}

function wrongText(field: string, value: unknown): Wrong {
  return typeof value === "string" ? undefined : `${field} must be a text.`;
}
