/** A place among those that run at the same time. It can be taken again when it was given back. */
export interface Slot {
  /** Waits for it; at once when it is there already. */
  readonly take: () => Promise<void>;
  /** Gives it back, also when it has not come yet. */
  readonly release: () => void;
}

/** Bounds how many run at the same time; who waits comes in turn. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  slot(): Slot {
    let taken: Promise<void> | undefined;
    return {
      take: () => {
        taken ??= this.#next();
        return taken;
      },
      release: () => {
        void taken?.then(() => this.#give());
        taken = undefined;
      },
    };
  }

  async #next(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
  }

  #give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
