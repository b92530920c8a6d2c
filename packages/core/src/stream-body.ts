import { Readable } from "node:stream";
import { InvocationTimeoutError, LambdaLLMError } from "./errors.ts";
import type { Invocation } from "./invocation.ts";

type Chunk = string | Uint8Array;

function isStream(body: unknown): body is AsyncIterable<Chunk> {
  return (
    typeof body === "object" && body !== null && Symbol.asyncIterator in body
  );
}

function contentTypeOf(response: object): string {
  const headers: unknown = Reflect.get(response, "headers");
  for (const [name, value] of Object.entries(headers ?? {}))
    if (name.toLowerCase() === "content-type") return String(value);
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
  source: AsyncIterable<Chunk>,
  contentType: string,
  invocation: Invocation,
): Readable {
  const iterator = source[Symbol.asyncIterator]();
  const leave = async () => {
    await iterator.return?.();
  };
  let ended = false;
  let last: Chunk | undefined;
  let timer: NodeJS.Timeout | undefined;

  const end = async (body: Readable, error?: unknown) => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    if (error !== undefined) {
      if (!invocation.events.emit("body-error", { error }))
        console.error("A streamed response failed:", error);
      body.push(errorRecord(error, contentType, last));
    }
    await invocation.close();
    body.push(null);
  };

  // Not a generator: the `finally` of one that nobody starts does not run.
  const body = new Readable({
    read() {
      iterator.next().then(
        ({ done, value }) => {
          if (ended) return;
          if (done) {
            end(body);
            return;
          }
          last = value;
          body.push(value);
        },
        (error: unknown) => end(body, error),
      );
    },
    destroy(_error, callback) {
      ended = true;
      clearTimeout(timer);
      // The error is dropped: whoever destroyed the body knows it, and an 'error' event would end the process.
      Promise.allSettled([leave(), invocation.close()]).then(() => callback());
    },
  });

  if (Number.isFinite(invocation.deadline)) {
    const expire = () => {
      end(
        body,
        new InvocationTimeoutError(
          "The time was over before the response was complete.",
        ),
      );
      leave().catch(() => {});
    };
    timer = setTimeout(expire, Math.max(0, invocation.deadline - Date.now()));
    timer.unref();
  }
  return body;
}
