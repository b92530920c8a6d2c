import type { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { WholeCharacters } from "../call/whole-characters.ts";

export function isAsyncIterable(
  value: unknown,
): value is AsyncIterable<unknown> {
  return (
    typeof value === "object" && value !== null && Symbol.asyncIterator in value
  );
}

function isNodeStream(source: object): source is Readable {
  return "destroy" in source && "on" in source;
}

function isWebStream(source: object): source is ReadableStream<unknown> {
  return "getReader" in source;
}

/** Whoever reads a Node stream sees its error; one that comes before that, or that nobody reads, would end the process. */
export function ignoreEarlyErrors(source: object): void {
  if (isNodeStream(source)) source.on("error", () => {});
}

/** In place of half a character, which waits for its other half. */
const NOTHING_YET = Symbol("nothing yet");

/**
 * Brings the chunks of a stream. Texts end between characters; half a character at the very end comes as it is, and
 * before a failure, where it is nothing to show, not at all. It can be left at any time: before its first chunk, and while it waits for one.
 */
export class ChunkSource {
  readonly #read: () => unknown;
  readonly #release: () => unknown;
  readonly #characters = new WholeCharacters();
  #over = false;
  #isComplete = false;

  constructor(source: AsyncIterable<unknown>) {
    ignoreEarlyErrors(source);
    if (isWebStream(source)) {
      // Its iterator cannot be left while it waits for a chunk.
      const reader = source.getReader();
      this.#read = () => reader.read();
      this.#release = () => reader.cancel();
      return;
    }
    const iterator = source[Symbol.asyncIterator]();
    this.#read = () => iterator.next();
    this.#release = () => {
      // The same holds for Node's iterators, and for those that nobody has started.
      if (isNodeStream(source)) source.destroy();
      return iterator.return?.();
    };
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    while (!this.#isComplete) {
      const value = await this.#next();
      if (value !== NOTHING_YET) return { done: false, value };
    }
    return { done: true, value: undefined };
  }

  async #next(): Promise<unknown> {
    try {
      // The types promise more than a source of somebody else's keeps.
      const { done, value } = (await this.#read()) as IteratorResult<unknown>;
      if (!done) return typeof value === "string" ? this.#whole(value) : value;
    } catch (error) {
      this.#over = true;
      throw error;
    }
    this.#over = true;
    this.#isComplete = true;
    return this.#characters.end() || NOTHING_YET;
  }

  #whole(text: string): string | typeof NOTHING_YET {
    const whole = this.#characters.push(text);
    return whole === "" && text !== "" ? NOTHING_YET : whole;
  }

  /** Ends the source. It never rejects, but may not resolve. */
  async leave(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    try {
      await this.#release();
    } catch {
      // Whoever leaves has no use for what it says.
    }
  }
}
