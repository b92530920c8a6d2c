import { Writable } from "node:stream";
import { isUint8Array } from "node:util/types";
import { parseJson } from "../json.ts";
import {
  type LambdaResponseStream,
  PRELUDE_CONTENT_TYPE,
  PRELUDE_END,
} from "./awslambda.ts";
import { BadResult, headOf } from "./function-result.ts";

/** Where the answer goes. */
export interface Destination {
  /** Called once, before the first byte of the body. */
  start(
    statusCode: number,
    headers: Readonly<Record<string, string | string[]>>,
  ): void;
  /** Calls back when the next chunk may come, at once when the client is gone. */
  write(chunk: Uint8Array, done: () => void): void;
}

type WriteCallback = (error: Error | null | undefined) => void;

const DEFAULT_CONTENT_TYPE = "application/octet-stream";

/** The stream that a streaming handler writes to: takes the prelude off its beginning and passes on the rest. */
export class ResponseStream extends Writable implements LambdaResponseStream {
  _onBeforeFirstWrite?: LambdaResponseStream["_onBeforeFirstWrite"];
  readonly #destination: Destination;
  #contentType = DEFAULT_CONTENT_TYPE;
  #isWritten = false;
  /** What has arrived of a prelude that is not complete. */
  #prelude: Buffer = Buffer.alloc(0);
  #isStarted = false;

  constructor(destination: Destination, highWaterMark: number | undefined) {
    super(highWaterMark === undefined ? {} : { highWaterMark });
    this.#destination = destination;
  }

  setContentType(contentType: string): void {
    if (this.#isWritten) {
      const error = new Error("Cannot set content-type, too late.");
      error.name = "Runtime.InvalidStreamingOperation";
      throw error;
    }
    this.#contentType = contentType;
  }

  /** As in the runtime, a chunk given to `end` does not come through here: no prelude is written for it. */
  override write(
    chunk: unknown,
    encoding?: BufferEncoding | WriteCallback,
    callback?: WriteCallback,
  ): boolean {
    if (!this.#isWritten)
      this._onBeforeFirstWrite?.((first) => super.write(first));
    this.#isWritten = true;
    const isData = typeof chunk === "string" || isUint8Array(chunk);
    const data = isData ? chunk : JSON.stringify(chunk);
    return typeof encoding === "function"
      ? super.write(data, encoding)
      : super.write(data, encoding ?? "utf8", callback);
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error) => void,
  ): void {
    this.#guarded(done, () => {
      const body = this.#withoutPrelude(chunk);
      if (body === undefined || body.length === 0) done();
      else this.#destination.write(body, done);
    });
  }

  override _final(done: (error?: Error) => void): void {
    this.#guarded(done, () => {
      // Whoever writes nothing sends no prelude, and so neither status nor headers.
      if (
        !this.#isWritten &&
        this.#contentType === PRELUDE_CONTENT_TYPE &&
        this.#prelude.length === 0
      )
        this.#start(200, { "content-type": DEFAULT_CONTENT_TYPE });
      if (this.#withoutPrelude(Buffer.alloc(0)) === undefined)
        throw new BadResult(
          "Function.InvalidResponse",
          "The stream ended before its prelude was complete.",
        );
      done();
    });
  }

  #guarded(done: (error?: Error) => void, run: () => void): void {
    try {
      run();
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** The bytes of the body; undefined while the prelude is not complete. */
  #withoutPrelude(bytes: Buffer): Buffer | undefined {
    if (this.#isStarted) return bytes;
    if (this.#contentType !== PRELUDE_CONTENT_TYPE) {
      this.#start(200, { "content-type": this.#contentType });
      return bytes;
    }
    const all = Buffer.concat([this.#prelude, bytes]);
    const end = all.indexOf(PRELUDE_END);
    if (end === -1) {
      this.#prelude = all;
      return undefined;
    }
    const { statusCode, headers } = headOf(
      parseJson(all.subarray(0, end).toString("utf8")),
    );
    this.#start(statusCode, headers);
    return all.subarray(end + PRELUDE_END.length);
  }

  #start(
    statusCode: number,
    headers: Readonly<Record<string, string | string[]>>,
  ): void {
    this.#destination.start(statusCode, headers);
    this.#isStarted = true;
    this.#prelude = Buffer.alloc(0);
  }
}
