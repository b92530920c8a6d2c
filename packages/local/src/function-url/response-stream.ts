import { Writable } from "node:stream";
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

/** The stream that a streaming handler writes to: takes the prelude off its beginning and passes on the rest. */
export class ResponseStream extends Writable implements LambdaResponseStream {
  _onBeforeFirstWrite?: LambdaResponseStream["_onBeforeFirstWrite"];
  readonly #destination: Destination;
  #contentType = "application/octet-stream";
  /** What has arrived of a prelude that is not complete. */
  #prelude: Buffer = Buffer.alloc(0);
  #isStarted = false;

  constructor(destination: Destination, highWaterMark: number | undefined) {
    super(highWaterMark === undefined ? {} : { highWaterMark });
    this.#destination = destination;
  }

  setContentType(contentType: string): void {
    this.#contentType = contentType;
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error) => void,
  ): void {
    this.#guarded(done, () => {
      const body = this.#withoutPrelude(Buffer.concat([this.#first(), chunk]));
      if (body === undefined || body.length === 0) done();
      else this.#destination.write(body, done);
    });
  }

  override _final(done: (error?: Error) => void): void {
    this.#guarded(done, () => {
      const rest = this.#withoutPrelude(this.#first());
      if (rest === undefined)
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

  /** What the runtime's hook writes before the first chunk. */
  #first(): Buffer {
    const hook = this._onBeforeFirstWrite;
    const chunks: Buffer[] = [];
    this._onBeforeFirstWrite = undefined;
    hook?.((chunk) => chunks.push(Buffer.from(chunk as string)));
    return Buffer.concat(chunks);
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
