import { arrayAt, isObject, member } from "../json.ts";

/** What goes to the client. */
export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

/** Lambda's limit for the JSON of a buffered answer. */
export const RESPONSE_LIMIT_BYTES = 6_291_556;

/** Why an answer cannot be sent, under the name that Lambda logs. */
export class BadResult extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** What a handler returned, as the Function URL answers with it. */
export function answerOfResult(result: unknown): HttpAnswer {
  const json = JSON.stringify(result) ?? "null";
  const size = Buffer.byteLength(json);
  if (size > RESPONSE_LIMIT_BYTES)
    throw new BadResult(
      "Function.ResponseSizeTooLarge",
      `Response payload size (${size} bytes) exceeded maximum allowed payload size (${RESPONSE_LIMIT_BYTES} bytes).`,
    );
  // What `toJSON` made of it is what leaves the function.
  const value = JSON.parse(json) as unknown;
  if (!isObject(value) || member(value, "statusCode") === undefined)
    return {
      statusCode: 200,
      headers: { "content-type": "application/json" },
      body: Buffer.from(json),
    };
  const head = headOf(value);
  const body = member(value, "body") ?? "";
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    ...head,
    body: Buffer.from(
      text,
      member(value, "isBase64Encoded") === true ? "base64" : "utf8",
    ),
  };
}

/** Status, headers and cookies of a result or of a stream's prelude. */
export function headOf(value: unknown): Omit<HttpAnswer, "body"> {
  const statusCode = Number(member(value, "statusCode") ?? 200);
  if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599)
    throw new BadResult(
      "Function.InvalidResponse",
      `statusCode must be a whole number from 200 to 599, not ${JSON.stringify(member(value, "statusCode"))}`,
    );
  const headers: Record<string, string | string[]> = {
    "content-type": "application/json",
  };
  for (const [name, entry] of Object.entries(member(value, "headers") ?? {})) {
    const lower = name.toLowerCase();
    // Cookies pass through `cookies` only, and the connection is none of the function's business.
    if (!IGNORED.has(lower) && entry !== null) headers[lower] = String(entry);
  }
  const cookies = arrayAt(value, "cookies").map(String);
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  return { statusCode, headers };
}

const IGNORED = new Set([
  "__proto__",
  "set-cookie",
  "connection",
  "content-length",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);
