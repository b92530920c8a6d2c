import { SessionConflictError } from "@lambdallm/core";
import { fullJitterMs, sleep } from "@lambdallm/core/feature";
import { patienceMs, type TimeLimit } from "./time-limit.ts";

/** How long others are tried against when nothing else limits the time. */
const LONGEST_MS = 30_000;

/** One write, and others who write first. */
export class Contention {
  /** With the present one. */
  attempts = 1;
  readonly #limit: TimeLimit;
  readonly #signal: AbortSignal;
  readonly #start = Date.now();

  constructor(limit: TimeLimit, signal: AbortSignal) {
    this.#limit = limit;
    this.#signal = signal;
  }

  get durationMs(): number {
    return Date.now() - this.#start;
  }

  /** Waits before the next attempt, which the signal ends; false when there is no time for one. */
  async pause(): Promise<boolean> {
    const waitMs = fullJitterMs(this.attempts, { baseMs: 10, capMs: 500 });
    if (waitMs > patienceMs(this.#limit)) return false;
    if (waitMs + this.durationMs > LONGEST_MS) return false;
    await sleep(waitMs, this.#signal);
    this.attempts += 1;
    return true;
  }
}

/** Others wrote first each time. */
export function neverFirst(): SessionConflictError {
  return new SessionConflictError(
    "The session could not be saved: others wrote to it all the time.",
  );
}
