/** A place among those that run at the same time. */
export interface Slot {
  /** Waits for it; the same one each time. */
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
    let has = false;
    let released = false;
    return {
      take: () => {
        taken ??= this.#next().then(() => {
          has = true;
          if (released) this.#give();
        });
        return taken;
      },
      release: () => {
        if (!released && has) this.#give();
        released = true;
      },
    };
  }

  async #next(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
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
