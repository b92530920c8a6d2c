import { types } from "node:util";
import {
  ConfigurationError,
  type ContentBlock,
  type StopReason,
  type Usage,
} from "@lambdallm/core";
import {
  check,
  type ModelRequest,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";

/** An answer in detail; a string stands for `{ text }`. */
export interface MockAnswer {
  readonly text?: string;
  /** A value, for `invokeStructured` and `streamStructured`: its JSON is the text. */
  readonly value?: unknown;
  /** Blocks instead of `text`: tool calls, reasoning, images. */
  readonly content?: readonly ContentBlock[];
  /** @default "tool_use" with a tool call in `content`, else "end_turn" */
  readonly stopReason?: StopReason;
  /** @default estimated from the texts */
  readonly usage?: Partial<Usage>;
  /** How the text arrives when it is streamed. @default word by word */
  readonly pieces?: readonly string[];
  /** Time before the answer begins, in milliseconds; `Infinity` for a model that hangs. @default 0 */
  readonly delayMs?: number;
  /** Time before each piece, the first included, in milliseconds. @default 0 */
  readonly pieceDelayMs?: number;
  /** Fails with this once all pieces have been streamed. */
  readonly error?: Error;
}

export type MockResponse =
  | string
  | MockAnswer
  | Error
  | ((request: ModelRequest) => MockResponse | Promise<MockResponse>);

/** Also of another realm, such as Node.js's own under Jest. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

const delayMs: OptionCheck = (value) =>
  typeof value === "number" && value >= 0
    ? undefined
    : "a number of milliseconds of at least 0";

const answerChecks = {
  text: check.string,
  value: () => undefined,
  content: check.array,
  stopReason: check.text,
  usage: check.object,
  pieces: check.texts,
  delayMs,
  pieceDelayMs: delayMs,
  error: (value: unknown) => (isError(value) ? undefined : "an Error"),
};

const usageChecks: Readonly<Record<keyof Usage, OptionCheck>> = {
  inputTokens: check.wholeNumber,
  outputTokens: check.wholeNumber,
  totalTokens: check.wholeNumber,
  cacheReadInputTokens: check.wholeNumber,
  cacheWriteInputTokens: check.wholeNumber,
  cacheDetails: check.array,
  estimated: check.boolean,
};

/** @throws {ConfigurationError} naming the field of an answer that does not exist or has a wrong value. */
export function checkResponse(
  response: string | MockAnswer | Error,
  index: number,
): void {
  if (typeof response === "string" || isError(response)) return;
  const owner = `MockProvider responses[${index}]`;
  if (check.object(response) !== undefined)
    throw new ConfigurationError(
      `${owner} must be a string, an answer, an Error or a function.`,
    );
  validateOptions(owner, answerChecks, response);
  validateOptions(`${owner}.usage`, usageChecks, response.usage ?? {});
}
