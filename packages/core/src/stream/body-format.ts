import { LambdaLLMError } from "../contract/errors.ts";

/** How a streamed body is written: as plain text, as server-sent events, or as a JSON value a line. */
export type BodyFormat = "text" | "sse" | "ndjson";

/** Where a body says which format it has. Two copies of this package have to agree on it. */
export const FORMAT: unique symbol = Symbol.for("@lambdallm/core.bodyFormat");

export const CONTENT_TYPES: Readonly<Record<BodyFormat, string>> = {
  text: "text/plain; charset=utf-8",
  sse: "text/event-stream",
  ndjson: "application/x-ndjson",
};

export function isBodyFormat(value: unknown): value is BodyFormat {
  return typeof value === "string" && Object.hasOwn(CONTENT_TYPES, value);
}

export function formatOfContentType(contentType: string): BodyFormat {
  const type = contentType.trim().toLowerCase();
  if (type.startsWith("text/event-stream")) return "sse";
  return /^application\/(x-)?(ndjson|jsonl|json-lines)/.test(type)
    ? "ndjson"
    : "text";
}

/** One event. What ends the body has a name. */
export function recordOf(
  format: "sse" | "ndjson",
  value: object,
  name?: "done" | "error",
): string {
  if (format === "sse")
    return `${name === undefined ? "" : `event: ${name}\n`}data: ${toLine(value)}\n\n`;
  return `${toLine(name === undefined ? value : { [name]: value })}\n`;
}

/** The last record of a body that failed, on lines of its own after what was written last. */
export function errorRecord(
  format: BodyFormat,
  error: unknown,
  last: string | Uint8Array | undefined,
): string {
  const failure =
    LambdaLLMError.isInstance(error) && error.expose
      ? { code: error.code, message: error.message }
      : { code: "INTERNAL", message: "Internal Server Error" };
  const tail = Buffer.from(last?.slice(-2) ?? "\n\n").toString("latin1");
  if (format === "sse")
    return `${tail === "\n\n" ? "" : "\n\n"}${recordOf(format, failure, "error")}`;
  const newLine = tail.endsWith("\n") ? "" : "\n";
  if (format === "ndjson")
    return `${newLine}${recordOf(format, failure, "error")}`;
  return `${newLine}\n[${failure.code}] ${failure.message}\n`;
}

/** JSON leaves these as they are, and some clients end a line at them. */
const MORE_LINE_ENDS = /[\u0085\u2028\u2029]/g;

function toLine(value: object): string {
  return JSON.stringify(value).replace(
    MORE_LINE_ENDS,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
