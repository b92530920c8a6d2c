import { Readable } from "node:stream";
import { isUint8Array } from "node:util/types";
import {
  ConfigurationError,
  InvocationTimeoutError,
  LambdaLLMError,
} from "./errors.ts";
import type { Invocation } from "./invocation.ts";
import { MAX_TIMER_MS } from "./timer.ts";

type Chunk = string | Uint8Array;

function isStream(body: unknown): body is AsyncIterable<unknown> {
  return (
    typeof body === "object" && body !== null && Symbol.asyncIterator in body
  );
}

function contentTypeOf(response: object): string {
  const headers: unknown = Reflect.get(response, "headers");
  const entries =
    headers instanceof Headers
      ? headers.entries()
      : Object.entries(headers ?? {});
  for (const [name, value] of entries)
    if (name.toLowerCase() === "content-type")
      return String(value).toLowerCase();
  return "text/plain";
}

/** The last record of a stream that failed, in the format of its content type, on lines of its own. */
function errorRecord(
  error: unknown,
  contentType: string,
  last: Chunk | undefined,
): string {
  const record = LambdaLLMError.isInstance(error)
    ? { code: error.code, message: error.message }
    : { code: "INTERNAL", message: "Internal Server Error" };
  const tail = Buffer.from(last?.slice(-2) ?? "\n\n").toString("latin1");
  const newLine = tail.endsWith("\n") ? "" : "\n";
  if (contentType.startsWith("text/event-stream"))
    return `${tail === "\n\n" ? "" : "\n\n"}event: error\ndata: ${JSON.stringify(record)}\n\n`;
  if (/^application\/(x-)?(ndjson|jsonl|json-lines)/.test(contentType))
    return `${newLine}${JSON.stringify({ error: record })}\n`;
  return `${newLine}\n[${record.code}] ${record.message}\n`;
}

/**
 * Replaces a streamed body by one that never fails: an error after the first byte would end the Lambda process. It
 * becomes a last record instead, at the deadline too; then the invocation is closed, then the body ends. Returns
 * undefined when the response has no streamed body.
 */
export function guardStreamBody(
  response: unknown,
  invocation: Invocation,
): unknown {
  if (isStream(response)) return guard(response, "text/plain", invocation);
  if (typeof response !== "object" || response === null) return undefined;
  const body: unknown = Reflect.get(response, "body");
  if (!isStream(body)) return undefined;
  return {
    ...response,
    body: guard(body, contentTypeOf(response), invocation),
  };
}

function guard(
  source: AsyncIterable<unknown>,
  contentType: string,
  invocation: Invocation,
): Readable {
  const iterator = source[Symbol.asyncIterator]();
  // The iterator reports what fails, but not before its first step.
  if (isNodeStream(source)) source.on("error", () => {});
  let leaving: Promise<unknown> | undefined;
  const leave = () => {
    // An iterator that nobody has started, and one that waits for a chunk, do not end the stream behind them.
    if (isNodeStream(source)) source.destroy();
    leaving ??= (async () => iterator.return?.())().catch(() => {});
    return leaving;
  };
  let ended = false;
  let last: Chunk | undefined;
  let timer: NodeJS.Timeout | undefined;

  const end = async (failure?: { readonly error: unknown }) => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    if (failure !== undefined) {
      void leave();
      if (!invocation.events.emit("body-error", failure))
        console.error("A streamed response failed:", failure.error);
      body.push(errorRecord(failure.error, contentType, last));
    }
    await invocation.close();
    body.push(null);
  };

  const write = (chunk: unknown) => {
    if (typeof chunk === "string" || isUint8Array(chunk)) {
      last = chunk;
      body.push(chunk);
    } else
      end({
        error: new TypeError(
          `A streamed body must be made of string or bytes, not of ${typeof chunk}.`,
        ),
      });
  };

  // Not a generator: the `finally` of one that nobody starts does not run.
  const body = new Readable({
    read() {
      iterator.next().then(
        ({ done, value }) => {
          if (ended) return;
          if (done) end();
          else write(value ?? "");
        },
        (error: unknown) => end({ error }),
      );
    },
    destroy(_error, callback) {
      ended = true;
      clearTimeout(timer);
      // The error is dropped: whoever destroyed the body knows it, and an 'error' event would end the process.
      Promise.all([leave(), invocation.close()]).then(() => callback());
    },
  });
  // In Middy's standard mode the response becomes JSON, and a stream would be sent as its inner state.
  Object.defineProperty(body, "toJSON", {
    value: () => {
      throw new ConfigurationError(
        "The response has a stream as its body, but the handler does not stream: set Middy's executionMode to executionModeStreamifyResponse, or return a string.",
      );
    },
  });
  // A middleware that fails after this point drops the body unread.
  invocation.addFinalizer(() => {
    if (!ended) body.destroy();
  });

  if (Number.isFinite(invocation.deadline)) {
    const expire = () =>
      end({
        error: new InvocationTimeoutError(
          "The time was over before the response was complete.",
        ),
      });
    const leftMs = invocation.deadline - Date.now();
    timer = setTimeout(expire, Math.min(Math.max(0, leftMs), MAX_TIMER_MS));
    timer.unref();
  }
  return body;
}

function isNodeStream(source: object): source is Readable {
  return "destroy" in source && "on" in source;
}
