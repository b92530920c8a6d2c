import { ConfigurationError } from "../contract/errors.ts";
import type { ModelResponse } from "../contract/model-call.ts";

const ignore = () => {};

export interface PieceSource<Raw, Piece, Whole = ModelResponse> {
  /** Makes the call; `show` is given what arrives. */
  readonly call: (
    show: (raw: Raw) => void,
    signal: AbortSignal,
  ) => Promise<Whole>;
  /** Turns what arrived into what the reader gets, when the reader comes for it. */
  readonly read: (raw: Raw) => Piece;
  /** A slow reader gets the newest piece only, instead of each. */
  readonly newestOnly?: boolean;
}

/** An answer while it is being written. The call starts at once; iterate it one time. Leaving the loop aborts the request. */
export class PieceStream<Raw, Piece, Whole = ModelResponse>
  implements AsyncIterable<Piece, void, undefined>
{
  /** Resolves with the first piece, or with the end of an answer without any. Rejects when the call fails before. */
  readonly started: Promise<void>;
  /** The whole answer. Rejects when the call fails, at whatever point. */
  readonly response: Promise<Whole>;

  readonly #source: PieceSource<Raw, Piece, Whole>;
  readonly #controller = new AbortController();
  readonly #queue: { readonly raw: Raw }[] = [];
  #changed = Promise.withResolvers<void>();
  #ended = false;
  #read = false;
  #left = false;

  /** @internal */
  constructor(source: PieceSource<Raw, Piece, Whole>) {
    this.#source = source;
    const started = Promise.withResolvers<void>();
    this.started = started.promise;
    this.response = source.call((raw) => {
      if (source.newestOnly) this.#queue.length = 0;
      if (!this.#left) this.#queue.push({ raw });
      started.resolve();
      this.#notify();
    }, this.#controller.signal);
    const end = () => {
      this.#ended = true;
      this.#notify();
    };
    this.response.then(() => started.resolve(), started.reject).then(end);
    // Whoever does not look at these must not end the process.
    this.started.catch(ignore);
    this.response.catch(ignore);
  }

  /** @throws {ConfigurationError} when the stream was iterated before. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Piece, void, undefined> {
    if (this.#read)
      throw new ConfigurationError(
        "The stream has been read already: its pieces arrive once. Take the whole answer from `await stream.response`.",
      );
    this.#read = true;
    // Not a generator: the `finally` of one that was never started does not run, and the request would go on.
    return {
      next: () => this.#next(),
      return: async () => {
        await this.#leave();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  async #next(): Promise<IteratorResult<Piece, void>> {
    while (this.#queue.length === 0 && !this.#ended)
      await this.#changed.promise;
    const piece = this.#queue.shift();
    if (piece !== undefined)
      return { done: false, value: this.#source.read(piece.raw) };
    if (!this.#left) await this.response;
    return { done: true, value: undefined };
  }

  async #leave(): Promise<void> {
    this.#left = true;
    this.#queue.length = 0;
    if (this.#ended) return;
    this.#controller.abort(
      new DOMException("The reader left the stream.", "AbortError"),
    );
    // What belongs to the call, such as settling a budget, is done when the loop is left.
    await this.response.catch(ignore);
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
