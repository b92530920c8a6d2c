import type { Chunk, MetricGroups } from "./metric-groups.ts";

/** Writes what one document has room for. */
export interface ChunkWriter {
  /** How many values of a metric it takes at once. */
  readonly maxValues: number;
  readonly write: (chunk: Chunk) => void;
}

/** Writes everything once: what could not be written is tried again the next time. */
export class Outbox {
  readonly #groups: MetricGroups;
  readonly #writer: ChunkWriter;
  readonly #waiting: Chunk[] = [];

  constructor(groups: MetricGroups, writer: ChunkWriter) {
    this.#groups = groups;
    this.#writer = writer;
  }

  /** @throws what the writer throws. */
  flush(): void {
    const { maxValues, write } = this.#writer;
    for (const group of this.#groups.take())
      this.#waiting.push(...group.chunks(maxValues));
    for (const chunk of [...this.#waiting]) {
      write(chunk);
      this.#waiting.shift();
    }
  }
}
