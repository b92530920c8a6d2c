import { Readable } from "node:stream";
import { isUint8Array } from "node:util/types";
import type { Invocation } from "../call/invocation.ts";
import { warn } from "../checks/warn.ts";
import { InvocationTimeoutError } from "../contract/errors.ts";
import { startTimer } from "../time/timer.ts";
import {
  type BodyFormat,
  CONTENT_TYPES,
  errorRecord,
  FORMAT,
  formatOfContentType,
  isBodyFormat,
} from "./body-format.ts";
import { ChunkSource, isAsyncIterable } from "./chunk-source.ts";

/**
 * Replaces a streamed body by one that never fails: an error after the first byte would end the Lambda process. It
 * becomes a last record instead, and so does the end of the time; then the invocation is closed, then the body ends.
 * Returns undefined when the response has no streamed body.
 */
export function guardStreamBody(
  response: unknown,
  invocation: Invocation,
): unknown {
  const source = streamOf(response);
  if (source === undefined) return undefined;
  if (source === response) return new GuardedBody(source, "", invocation);
  // It has a body, so it is an object.
  const given = response as GivenResponse;
  const { headers, cookies } = plainHeaders(given);
  const contentType = contentTypeOf(headers);
  const format = ownFormat(source);
  const added = format &&
    contentType === undefined && { "content-type": CONTENT_TYPES[format] };
  let body: unknown = new GuardedBody(source, contentType ?? "", invocation);
  const guarded = {
    ...given,
    ...("headers" in given && { headers }),
    ...(cookies && { cookies }),
    ...(added && { headers: { ...headers, ...added } }),
  };
  return Object.defineProperty(guarded, "body", {
    get: () => body,
    set: (next: unknown) => {
      dropReplaced(body, next);
      body = next;
    },
  });
}

interface GivenResponse {
  readonly headers?: object | null;
  readonly cookies?: unknown;
}

/**
 * The runtime sends the headers as JSON, which a Headers object does not become. A plain object has room for one `set-cookie`, so
 * cookies go where Lambda takes any number of them.
 */
function plainHeaders({ headers, cookies }: GivenResponse): {
  readonly headers: object | null | undefined;
  readonly cookies?: readonly unknown[];
} {
  if (!(headers instanceof Headers)) return { headers };
  const { "set-cookie": _moved, ...plain } = Object.fromEntries(headers);
  const set = headers.getSetCookie();
  if (set.length === 0) return { headers: plain };
  const present: readonly unknown[] = Array.isArray(cookies) ? cookies : [];
  return { headers: plain, cookies: [...present, ...set] };
}

/** A guarded body that another response or body replaces is read by nobody, unless that one is made of it. */
export function dropReplaced(present: unknown, next: unknown): void {
  const body = streamOf(present);
  if (body instanceof GuardedBody && streamOf(next) === undefined)
    body.destroy();
}

function streamOf(response: unknown): AsyncIterable<unknown> | undefined {
  if (isAsyncIterable(response)) return response;
  if (typeof response !== "object" || response === null) return undefined;
  const body: unknown = Reflect.get(response, "body");
  return isAsyncIterable(body) ? body : undefined;
}

/** What `toResponseBody` made knows its format, and what a nested provider guarded keeps it. */
function ownFormat(body: object): BodyFormat | undefined {
  const format: unknown = Reflect.get(body, FORMAT);
  return isBodyFormat(format) ? format : undefined;
}

function contentTypeOf(headers: object | null | undefined): string | undefined {
  for (const [name, value] of Object.entries(headers ?? {}))
    if (name.toLowerCase() === "content-type" && value != null)
      return String(value);
  return undefined;
}

let toldOfJson = false;

/** Not a generator: the `finally` of one that nobody starts does not run. */
class GuardedBody extends Readable {
  readonly [FORMAT]: BodyFormat | undefined;
  readonly #format: BodyFormat;
  readonly #source: ChunkSource;
  readonly #invocation: Invocation;
  #last: string | Uint8Array | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(
    source: AsyncIterable<unknown>,
    contentType: string,
    invocation: Invocation,
  ) {
    // Byte streams swallow empty chunks, and a body's may be all that there is.
    super({ objectMode: true });
    this[FORMAT] = ownFormat(source);
    this.#format = this[FORMAT] ?? formatOfContentType(contentType);
    this.#source = new ChunkSource(source);
    this.#invocation = invocation;
    // A middleware that fails after this point drops the body unread.
    invocation.addFinalizer(() => {
      if (!this.#ended) this.destroy();
    });
    // At the deadline the model stops, and its stream ends in the way that was chosen. This is for what still hangs then.
    const leftMs = invocation.backstop - Date.now();
    this.#timer = startTimer(leftMs, () => this.#expire())?.unref();
  }

  override _read(): void {
    void this.#step();
  }

  override _destroy(
    _error: Error | null,
    callback: (error?: Error | null) => void,
  ): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    void this.#source.leave();
    // The error is dropped: whoever destroyed the body knows it, and an 'error' event would end the process.
    void this.#invocation.close().then(() => callback());
  }

  /**
   * What a logger writes, instead of a stream's inner state. In Middy's standard mode it is the response that becomes JSON, which
   * looks the same from here: so a body that nobody reads yet says so, once in a process.
   */
  toJSON(): string {
    if (!this.readableDidRead && !toldOfJson) {
      toldOfJson = true;
      warn(
        'A streamed body was written as JSON, as "[stream]"',
        "where that is the response and not a log, the handler does not stream; set Middy's executionMode to executionModeStreamifyResponse, or return a string",
      );
    }
    return "[stream]";
  }

  async #step(): Promise<void> {
    try {
      const { done, value } = await this.#source.next();
      if (this.#ended) return;
      if (!done) return this.#write(value ?? "");
      // The prelude with status and headers goes ahead of a first chunk, and Middy 6 writes none of its own.
      if (this.#last === undefined) this.#write("");
      await this.#end();
    } catch (error) {
      await this.#fail(error);
    }
  }

  #write(chunk: unknown): void {
    if (typeof chunk !== "string" && !isUint8Array(chunk))
      throw new TypeError(
        `A streamed body must be made of string or bytes, not of ${typeof chunk}.`,
      );
    this.#last = chunk;
    this.#push(chunk);
  }

  /** Readers get bytes, as from any other body. */
  #push(chunk: string | Uint8Array): void {
    this.push(
      typeof chunk === "string"
        ? Buffer.from(chunk)
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength),
    );
  }

  #expire(): void {
    void this.#fail(
      new InvocationTimeoutError(
        "The time was over before the response was complete.",
      ),
    );
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#ended) return;
    void this.#source.leave();
    if (!this.#invocation.events.emit("body-error", { error }))
      console.error("A streamed response failed:", error);
    this.#push(errorRecord(this.#format, error, this.#last));
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#invocation.close();
    this.push(null);
  }
}
