import { isObject } from "@lambdallm/core/feature";
import { member } from "../json.ts";

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
  return { ...headOf(value), body: bodyOf(value) };
}

function bodyOf(value: unknown): Buffer {
  const body = member(value, "body") ?? "";
  const text = typeof body === "string" ? body : JSON.stringify(body);
  if (member(value, "isBase64Encoded") !== true) return Buffer.from(text);
  const bytes = Buffer.from(text, "base64");
  // Node decodes whatever it can.
  if (withoutPadding(bytes.toString("base64")) !== withoutPadding(text))
    throw invalid("body must be base64 where isBase64Encoded is true");
  return bytes;
}

function withoutPadding(base64: string): string {
  return base64.replace(/={1,2}$/, "");
}

function invalid(message: string): BadResult {
  return new BadResult("Function.InvalidResponse", message);
}

/** Status, headers and cookies of a result or of a stream's prelude. */
export function headOf(value: unknown): Omit<HttpAnswer, "body"> {
  const statusCode = Number(member(value, "statusCode") ?? 200);
  if (!Number.isInteger(statusCode) || statusCode < 200 || statusCode > 599)
    throw invalid(
      `statusCode must be a whole number from 200 to 599, not ${JSON.stringify(member(value, "statusCode"))}`,
    );
  const headers: Record<string, string | string[]> = {
    "content-type": "application/json",
  };
  const given = member(value, "headers") ?? {};
  if (!isObject(given)) throw invalid("headers must be an object");
  for (const [name, entry] of Object.entries(given)) {
    const lower = name.toLowerCase();
    if (DROPPED.has(lower) || entry === null) continue;
    if (typeof entry === "object")
      throw invalid(
        `the header "${name}" must be a text; only cookies can have several values, as an array in cookies`,
      );
    headers[REMAPPED.has(lower) ? `x-amzn-remapped-${lower}` : lower] =
      String(entry);
  }
  const cookies = cookiesOf(value);
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  return { statusCode, headers };
}

function cookiesOf(value: unknown): string[] {
  const cookies = member(value, "cookies") ?? [];
  if (!Array.isArray(cookies) || cookies.some((one) => typeof one !== "string"))
    throw invalid("cookies must be an array of texts");
  return cookies;
}

/** Cookies pass through `cookies` only, and the connection is none of the function's business. */
const DROPPED = new Set([
  "__proto__",
  "set-cookie",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

/** The gateway's own: what a function says of them goes by another name. */
const REMAPPED = new Set([
  "connection",
  "content-length",
  "date",
  "www-authenticate",
]);
