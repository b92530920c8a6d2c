import { isClaudeModel, type KnownModel } from "./known-model.ts";
import type { CachePoint, CacheTtl, PromptBlocks } from "./prompt-blocks.ts";
import type { ReplyUsage } from "./types.ts";

/** The tokens of a prompt, as `usage` reports them. */
export type PromptUsage = Omit<ReplyUsage, "outputTokens" | "totalTokens">;

/** Looked up: what the prompt counts, and how it is remembered once its answer has begun. */
export interface CachedPrompt {
  readonly usage: PromptUsage;
  remember(): void;
}

/** Of most models that the catalog has a number for. */
const DEFAULT_MIN_TOKENS = 1_024;

/** Positions that Claude looks at, the cache point's own included; other models look at the cache point alone. */
const CLAUDE_LOOKBACK = 20;

const TTL_MS: Readonly<Record<CacheTtl, number>> = {
  "1h": 3_600_000,
  "5m": 300_000,
};

interface Entry {
  readonly ttlMs: number;
  expiresAt: number;
}

/**
 * The service's cache of prompts, by model and Region: a cache point leaves the prompt before it there, tools, system and
 * messages in this order, for 5 minutes or an hour. The longest such prefix of a later prompt is read, which starts its time
 * anew, and the rest up to the last cache point is written. Prefixes shorter than the model's `cacheMinTokens` (1,024 where
 * the catalog has none) are not cached. On Claude an earlier prefix is found up to 19 blocks before a cache point.
 *
 * As on the service, parallel calls do not see each other: a prefix is there once the answer of its call has begun. Not
 * played: caches that nobody asked for, and that a change of `toolChoice`, thinking or images makes Claude forget messages.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
 * @see https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export class PromptCache {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `place` is the model and the Region; each has a cache of its own. */
  lookUp(
    prompt: PromptBlocks,
    place: string,
    modelId: string,
    model: KnownModel,
  ): CachedPrompt {
    if (prompt.points.length === 0)
      return { usage: { inputTokens: prompt.tokens }, remember: () => {} };
    const least = model?.cacheMinTokens ?? DEFAULT_MIN_TOKENS;
    const points = prompt.points.filter(
      ({ position }) => prompt.tokensBefore(position) >= least,
    );
    const keys = prompt.prefixes().map((prefix) => `${place} ${prefix}`);
    const reach = isClaudeModel({ modelId, model }) ? CLAUDE_LOOKBACK : 1;
    const reads = points.map((point) => this.#readBefore(point, keys, reach));
    const missing = points.filter(({ position }) => !reads.includes(position));
    return {
      usage: usageOf(prompt, points, Math.max(0, ...reads)),
      remember: () => {
        // Every position has its key.
        for (const { position, ttl } of missing)
          this.#entries.set(String(keys[position]), {
            ttlMs: TTL_MS[ttl],
            expiresAt: this.#now() + TTL_MS[ttl],
          });
      },
    };
  }

  reset(): void {
    this.#entries.clear();
  }

  /** The position of the longest cached prefix that a cache point finds, kept alive by it; 0 when there is none. */
  #readBefore(
    { position }: CachePoint,
    keys: readonly string[],
    reach: number,
  ): number {
    const now = this.#now();
    for (let at = position; at > Math.max(0, position - reach); at--) {
      const entry = this.#entries.get(String(keys[at]));
      if (entry === undefined || entry.expiresAt <= now) continue;
      entry.expiresAt = now + entry.ttlMs;
      return at;
    }
    return 0;
  }
}

function usageOf(
  prompt: PromptBlocks,
  points: readonly CachePoint[],
  read: number,
): PromptUsage {
  const cacheReadInputTokens = prompt.tokensBefore(read);
  const written: Record<CacheTtl, number> = { "1h": 0, "5m": 0 };
  let end = cacheReadInputTokens;
  for (const { position, ttl } of points) {
    const tokens = Math.max(0, prompt.tokensBefore(position) - end);
    written[ttl] += tokens;
    end += tokens;
  }
  return {
    inputTokens: prompt.tokens - end,
    cacheReadInputTokens,
    cacheWriteInputTokens: end - cacheReadInputTokens,
    // The longer time first, as the service lists them.
    cacheDetails: (["1h", "5m"] as const)
      .map((ttl) => ({ ttl, inputTokens: written[ttl] }))
      .filter(({ inputTokens }) => inputTokens > 0),
  };
}
