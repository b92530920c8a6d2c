import { RecentMap } from "@lambdallm/core/feature";

/** How an answer came, as far as its speed goes; a `ModelResponse` has all of it. */
export interface AnswerTiming {
  readonly outputTokens: number;
  /** From sending the request to the end of the answer. */
  readonly latencyMs: number;
  /** Streams only: from sending the request to the first delta. */
  readonly timeToFirstTokenMs?: number | undefined;
}

/** How fast a model writes. */
export interface Speed {
  readonly tokensPerSecond: number;
  /** Before the first token. */
  readonly timeToFirstTokenMs: number;
}

/** Shorter answers say more about the way to the model than about its speed. */
export const MIN_TOKENS = 50;

/** Answers that a model is remembered by. */
const REMEMBERED_ANSWERS = 8;

/** Models that are remembered; the one that was not used for longest is forgotten first. */
const REMEMBERED_MODELS = 50;

/**
 * Remembers how fast models have answered lately, and says how fast they are on a slow day: of the last answers, no more
 * than a quarter were slower.
 */
export class SpeedMeter {
  readonly #models = new RecentMap<string, AnswerTiming[]>(REMEMBERED_MODELS);

  /** Takes note of an answer; a short one, or one without a sound time, is left out. */
  record(model: string, timing: AnswerTiming): void {
    const { outputTokens, latencyMs, timeToFirstTokenMs } = timing;
    const sound =
      outputTokens >= MIN_TOKENS &&
      outputTokens < Infinity &&
      latencyMs > 0 &&
      latencyMs < Infinity;
    if (!sound) return;
    const answers = this.#models.get(model) ?? [];
    answers.push({ outputTokens, latencyMs, timeToFirstTokenMs });
    if (answers.length > REMEMBERED_ANSWERS) answers.shift();
    this.#models.set(model, answers);
  }

  /** For a model that was slower than what was known of it. */
  forget(model: string): void {
    this.#models.delete(model);
  }

  /** Undefined until something has been seen of the model. */
  speedOf(model: string): Speed | undefined {
    const answers = this.#models.get(model);
    if (answers === undefined) return undefined;
    const waits = answers
      .flatMap(({ timeToFirstTokenMs: wait }) => wait ?? [])
      .sort((a, b) => a - b);
    // What a buffered answer waited for its first token is unknown: the least that a streamed one did, if there was any.
    const [shortestWaitMs = 0] = waits;
    const rates = answers
      .map(({ outputTokens, latencyMs, timeToFirstTokenMs: wait }) => {
        const writingMs = latencyMs - (wait ?? shortestWaitMs);
        return (outputTokens / Math.max(1, writingMs)) * 1_000;
      })
      .sort((a, b) => b - a);
    return {
      tokensPerSecond: slow(rates, 0),
      timeToFirstTokenMs: slow(waits, 0),
    };
  }
}

/** The one that a quarter of a list, whose worst comes last, is worse than. */
function slow(values: readonly number[], none: number): number {
  return values[values.length - 1 - Math.floor(values.length / 4)] ?? none;
}

/** How long an answer of so many tokens takes, in milliseconds. */
export function durationMs(speed: Speed, tokens: number): number {
  const { tokensPerSecond, timeToFirstTokenMs } = speed;
  return timeToFirstTokenMs + (tokens / tokensPerSecond) * 1_000;
}

/** How many tokens can be written in a time; at least one, because a model cannot be asked for none. */
export function tokensWithin(speed: Speed, timeMs: number): number {
  const writingMs = timeMs - speed.timeToFirstTokenMs;
  return Math.max(1, Math.floor((writingMs / 1_000) * speed.tokensPerSecond));
}
