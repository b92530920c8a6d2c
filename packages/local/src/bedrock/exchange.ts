import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestEnd } from "./types.ts";

/** The service takes 25 MB at most (a base64 document of 18 MB). */
export const BODY_LIMIT_BYTES: number = 25 * 1024 * 1024;

/** One request with its answer: writes with backpressure, notices a client that hangs up, cuts the connection. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly connectionId: number;
  readonly closed: Promise<RequestEnd>;
  eventsSent = 0;
  closedByClient = false;
  readonly #response: ServerResponse;
  readonly #destroyConnection: () => void;
  readonly #gone = new AbortController();
  #isCut = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: { readonly id: number; readonly destroy: () => void },
  ) {
    this.request = request;
    this.connectionId = connection.id;
    this.#response = response;
    this.#destroyConnection = connection.destroy;
    // A client that resets its stream makes the answer fail; `close` follows and says all there is to say.
    response.on("error", () => {});
    this.closed = new Promise((resolve) => {
      response.once("close", () => {
        this.closedByClient = !response.writableEnded && !this.#isCut;
        this.#gone.abort();
        resolve({ byClient: this.closedByClient, eventsSent: this.eventsSent });
      });
    });
  }

  /** Aborted when the exchange is over, whoever ended it. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** The whole body, or undefined when it is larger than the limit: the rest is then read and thrown away. */
  async readBody(
    limitBytes: number = BODY_LIMIT_BYTES,
  ): Promise<Buffer | undefined> {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size <= limitBytes) chunks.push(chunk);
      else chunks.length = 0;
    }
    return size <= limitBytes ? Buffer.concat(chunks) : undefined;
  }

  start(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.signal.aborted) return;
    this.#response.writeHead(status, { ...headers });
    this.#response.flushHeaders();
  }

  /** Resolves when the bytes have left this process, or the exchange is over. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#untilClosed((done) => {
      this.#response.write(bytes, done);
    });
  }

  async end(): Promise<void> {
    if (this.signal.aborted) return;
    this.#response.end();
    await this.closed;
  }

  /** Destroys the connection under the answer, once what was written has left this process. */
  async cut(): Promise<void> {
    this.#isCut = true;
    await new Promise((resolve) => setImmediate(resolve));
    this.#destroyConnection();
  }

  /** Waits, unless the exchange ends first. */
  async sleep(milliseconds: number | undefined): Promise<void> {
    if (milliseconds === undefined || milliseconds <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    await this.#untilClosed((done) => {
      timer = setTimeout(done, milliseconds);
    });
    clearTimeout(timer);
  }

  #untilClosed(start: (done: () => void) => void): Promise<void> {
    if (this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        this.signal.removeEventListener("abort", finish);
        resolve();
      };
      this.signal.addEventListener("abort", finish);
      start(finish);
    });
  }
}
