import { check, validateOptions } from "../checks/options.ts";
import { ConfigurationError } from "../contract/errors.ts";
import {
  type BodyFormat,
  FORMAT,
  isBodyFormat,
  recordOf,
} from "./body-format.ts";
import {
  ChunkSource,
  ignoreEarlyErrors,
  isAsyncIterable,
} from "./chunk-source.ts";
import type { ObjectStream } from "./object-stream.ts";

export interface ResponseBodyOptions {
  /**
   * `text` is the text alone, `sse` server-sent events, `ndjson` a JSON value a line. The last two end with a record that
   * says so, and can carry objects. There is no default: the client has to know. In all of them half an emoji at the end of a
   * piece waits for its other half.
   */
  readonly format: BodyFormat;
  /** Adds fields to that last record, such as the usage; called when the stream is complete. @default none */
  readonly done?: () => object;
}

const checks = {
  format: check.oneOf("text", "sse", "ndjson"),
  done: check.function,
};

/**
 * Makes the body of a streamed response out of a stream: of `context.stream(...)`, of `context.streamStructured(...)`, or of
 * anything else that brings strings or objects. The provider's middleware sends it, adds its content type unless the
 * response has one, and turns a failure into a last record.
 *
 * @example
 * const stream = context.stream("Tell me about {topic}.", { topic });
 * await stream.started; // rejects while a status code can still be chosen
 * return { statusCode: 200, body: toResponseBody(stream, { format: "sse" }) };
 *
 * @throws {ConfigurationError} for what is not a stream, and for objects as text.
 */
export function toResponseBody(
  stream: AsyncIterable<string | object> | ObjectStream<unknown>,
  options: ResponseBodyOptions,
): AsyncIterable<string> {
  validateOptions("toResponseBody", checks, options);
  const { format, done } = options;
  if (!isBodyFormat(format))
    throw new ConfigurationError(
      'toResponseBody: the option "format" must be one of text, sse, ndjson.',
    );
  if (!isAsyncIterable(stream))
    throw new ConfigurationError(
      "toResponseBody: the first argument must be a stream: what context.stream() or context.streamStructured() returns, or another async iterable.",
    );
  ignoreEarlyErrors(stream);
  if (format === "text" && (hasObjects(stream) || done !== undefined))
    throw new ConfigurationError(
      'toResponseBody: the format "text" holds text alone, neither objects nor a last record. Use "sse" or "ndjson".',
    );
  return new ResponseBody(stream, options);
}

class ResponseBody implements AsyncIterable<string> {
  readonly [FORMAT]: BodyFormat;
  readonly #stream: AsyncIterable<unknown>;
  readonly #done: (() => object) | undefined;

  constructor(
    stream: AsyncIterable<unknown>,
    { format, done }: ResponseBodyOptions,
  ) {
    this[FORMAT] = format;
    this.#stream = stream;
    this.#done = done;
  }

  // Not a generator: one that waits for a piece cannot be left.
  [Symbol.asyncIterator](): AsyncIterator<string, undefined> {
    const source = new ChunkSource(this.#stream);
    let ended = false;
    return {
      next: async () => {
        if (ended) return END;
        const { done, value } = await source.next();
        if (!done) return { done: false, value: this.#piece(value) };
        ended = true;
        const last = await this.#last();
        return last === undefined ? END : { done: false, value: last };
      },
      return: async () => {
        ended = true;
        await source.leave();
        return END;
      },
    };
  }

  #piece(value: unknown): string {
    const format = this[FORMAT];
    // Whoever sends it refuses what is neither string nor bytes.
    if (format === "text") return value as string;
    if (hasObjects(this.#stream)) return recordOf(format, { object: value });
    if (typeof value === "string") return recordOf(format, { text: value });
    if (
      typeof value === "object" &&
      value !== null &&
      !ArrayBuffer.isView(value)
    )
      return recordOf(format, { object: value });
    throw new TypeError(
      `A body in the format "${format}" must be made of strings or objects.`,
    );
  }

  async #last(): Promise<string | undefined> {
    const format = this[FORMAT];
    if (format === "text") return undefined;
    const stopReason = await stopReasonOf(this.#stream);
    const record = {
      ...this.#done?.(),
      ...(stopReason !== undefined && { stopReason }),
    };
    return recordOf(format, record, "done");
  }
}

const END = { done: true, value: undefined } as const;

/** Two copies of this package have two classes ObjectStream. */
function hasObjects(stream: object): boolean {
  return "object" in stream;
}

async function stopReasonOf(stream: object): Promise<unknown> {
  const response: unknown = await Reflect.get(stream, "response");
  return typeof response === "object" && response !== null
    ? Reflect.get(response, "stopReason")
    : undefined;
}
