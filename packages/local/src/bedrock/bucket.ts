const MINUTE_MS = 60_000;

/**
 * A quota per minute: a bucket that is full at first and fills up evenly, so that a minute fills an empty one. More may be
 * taken out than is in it; what it owes is refilled first.
 */
export class Bucket {
  readonly #perMinute: number;
  readonly #now: () => number;
  /** In parts of 60,000: whole numbers stay whole, a millisecond's refill among them. */
  #level: number;
  #filledAt: number;

  constructor(perMinute: number, now: () => number) {
    this.#perMinute = perMinute;
    this.#now = now;
    this.#level = perMinute * MINUTE_MS;
    this.#filledAt = now();
  }

  holds(amount: number): boolean {
    const now = this.#now();
    // A clock that was set back takes nothing out.
    const elapsed = Math.max(0, now - this.#filledAt);
    this.#filledAt = now;
    this.#add(elapsed * this.#perMinute);
    return this.#level >= amount * MINUTE_MS;
  }

  /** Whether it holds so much or not. A negative amount is given back. */
  take(amount: number): void {
    this.#add(-amount * MINUTE_MS);
  }

  #add(parts: number): void {
    this.#level = Math.min(this.#perMinute * MINUTE_MS, this.#level + parts);
  }
}
