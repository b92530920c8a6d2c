import type { Changes } from "./changes.ts";
import type { Placed } from "./placed.ts";

/** https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html */
const MOST_POINTS = 4;

const isPoint = (block: object) => "cachePoint" in block;

/** Without the cache points that have nothing in front of them that can be cached: a thought cannot. */
export function withUsefulPoints<Block extends object>(
  blocks: readonly Placed<Block>[],
  changes: Changes,
): readonly Placed<Block>[] {
  const kept: Placed<Block>[] = [];
  for (const one of blocks) {
    const before = kept.at(-1)?.block;
    const isThought = before !== undefined && "reasoningContent" in before;
    if (!isPoint(one.block) || (before !== undefined && !isThought))
      kept.push(one);
    else
      changes.leftOut(
        one.place,
        isThought
          ? "no cache point can follow a thought"
          : "there is nothing to cache in front of the cache point",
      );
  }
  return kept;
}

/**
 * At most four cache points are taken, and those of an hour come before those of five minutes. The first ones and the last
 * are what the next request finds again: what is too many are those in between.
 *
 * Give it the lists in the order of the prompt: tools, system, messages.
 */
export class CachePoints {
  readonly #total: number;
  readonly #changes: Changes;
  #count = 0;
  #hasShort = false;

  constructor(lists: readonly (readonly object[])[], changes: Changes) {
    this.#total = lists.reduce(
      (count, list) => count + list.filter(isPoint).length,
      0,
    );
    this.#changes = changes;
  }

  fit<Block extends object>(blocks: readonly Block[]): readonly Block[] {
    if (this.#total === 0 || !blocks.some(isPoint)) return blocks;
    return blocks.flatMap((block) =>
      isPoint(block) ? this.#point(block) : [block],
    );
  }

  #point<Block extends object>(block: Block): Block[] {
    this.#count += 1;
    const isBetween = this.#count >= MOST_POINTS && this.#count < this.#total;
    if (isBetween) {
      this.#changes.leftOut(
        "cachePoint",
        `the service takes ${MOST_POINTS} cache points at most`,
      );
      return [];
    }
    const point: object = Object(Reflect.get(block, "cachePoint"));
    const isHour = Reflect.get(point, "ttl") === "1h";
    const isLate = isHour && this.#hasShort;
    this.#hasShort ||= !isHour;
    if (!isLate) return [block];
    this.#changes.changed(
      "cachePoint.ttl",
      "a cache point of an hour cannot follow one of five minutes",
    );
    return [{ ...block, cachePoint: { ...point, ttl: "5m" } }];
  }
}
