import { ConfigurationError } from "./errors.ts";
import type { ModelResponse } from "./model-call.ts";

const ignore = () => {};

/**
 * The text of an answer while it is being written. The call starts at once; iterate it one time. Leaving the loop
 * aborts the request.
 *
 * @example
 * const stream = context.stream("Tell me about {topic}.", { topic });
 * await stream.started; // rejects while a status code can still be chosen
 * for await (const text of stream) process.stdout.write(text);
 * const { usage } = await stream.response;
 */
export class TextStream implements AsyncIterable<string, void, undefined> {
  /** Resolves with the first text, or with the end of an answer without any. Rejects when the call fails before. */
  readonly started: Promise<void>;
  /** The whole answer. Rejects when the call fails, at whatever point. */
  readonly response: Promise<ModelResponse>;

  readonly #controller = new AbortController();
  readonly #queue: string[] = [];
  #changed = Promise.withResolvers<void>();
  #ended = false;
  #read = false;
  #left = false;

  /** @internal */
  constructor(
    call: (
      onText: (text: string) => void,
      signal: AbortSignal,
    ) => Promise<ModelResponse>,
  ) {
    const started = Promise.withResolvers<void>();
    this.started = started.promise;
    this.response = call((text) => {
      if (!this.#left) this.#queue.push(text);
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
  [Symbol.asyncIterator](): AsyncIterableIterator<string, void, undefined> {
    if (this.#read)
      throw new ConfigurationError(
        "The stream has been read already: its text arrives once. Take the whole text from `(await stream.response).text`.",
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

  async #next(): Promise<IteratorResult<string, void>> {
    while (this.#queue.length === 0 && !this.#ended)
      await this.#changed.promise;
    const value = this.#queue.shift();
    if (value !== undefined) return { done: false, value };
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
