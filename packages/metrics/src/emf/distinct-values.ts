/** How many values of a dimension are kept apart. */
export const DEFAULT_MAX_DIMENSION_VALUES = 20;

/** In the place of the values that are one too many. */
const OTHER = "other";

/** Every new value of a dimension is a new metric, which costs money: lets so many of each through, and calls the rest `other`. */
export class DistinctValues {
  readonly #limit: number;
  readonly #seen = new Map<string, Set<string>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  of(dimension: string, value: string): string {
    const seen = this.#seen.get(dimension) ?? new Set();
    this.#seen.set(dimension, seen);
    if (!seen.has(value) && seen.size >= this.#limit) return OTHER;
    seen.add(value);
    return value;
  }
}
