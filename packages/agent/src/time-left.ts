import { type Ending, ended } from "./limits.ts";
import type { Limits, Surroundings } from "./sub-agent.ts";

/** Less time than that is not enough for a last answer. */
const LEAST_LAST_MS = 1_000;

/** The time of one run. Where it can be resumed, there is more of it in another invocation. */
export class TimeLeft {
  readonly #surroundings: Surroundings;
  readonly #limits: Limits;
  readonly #bufferMs: number;

  /** @param bufferMs Kept for the last answer; at most half of what there is. */
  constructor(bufferMs: number, surroundings: Surroundings, limits: Limits) {
    this.#surroundings = surroundings;
    this.#limits = limits;
    this.#bufferMs = Math.min(bufferMs, this.leftMs / 2);
  }

  /** Without what the agents above keep, in milliseconds. */
  get leftMs(): number {
    const { invocation } = this.#surroundings;
    return Math.max(0, invocation.remainingTimeMs - this.#limits.keptMs);
  }

  /** What is kept for the last answers of this run and of those above, in milliseconds. */
  get keptMs(): number {
    return this.#limits.keptMs + this.#bufferMs;
  }

  /** Why there is no other answer; undefined as long as there is time. */
  get ending(): Ending | undefined {
    const { canResume } = this.#surroundings;
    const isOver = !canResume && this.leftMs <= this.#bufferMs;
    return isOver
      ? ended("timeout", "There was no time left for another answer.")
      : undefined;
  }

  /** Whether there is a last answer behind this end. */
  mayAnswer({ mayAnswer }: Ending): boolean {
    const { invocation, canResume } = this.#surroundings;
    const leftMs = invocation.deadline - Date.now() - this.#limits.keptMs;
    return mayAnswer && (canResume || leftMs > LEAST_LAST_MS);
  }
}
