import { randomUUID } from "node:crypto";
import type { JsonValue, StepInProgressError } from "@lambdallm/core";
import { startTimer } from "@lambdallm/core/feature";
import type { ClaimOutcome } from "@lambdallm/core/stores";
import { inProgress } from "./errors.ts";
import { runKey } from "./run-key.ts";
import type { RunSettings } from "./settings.ts";

/** So long after Lambda's kill a process may still be doing something, by another clock. */
const MARGIN_MS = 1_000;

type Taken = Exclude<ClaimOutcome, { readonly status: "running" }>;

/** Keeps the others away from a run, as long as this process lives. */
export class RunLease {
  /** Of this process: who comes back after a pause is somebody else. */
  readonly owner = randomUUID();
  readonly #settings: RunSettings;
  readonly #lost = new AbortController();
  #taking: Promise<Taken> | undefined;
  /** 0 before the run is taken: fences count from 1. */
  #fence = 0;
  #until = 0;
  #timer: NodeJS.Timeout | undefined;
  #isRenewed = true;
  #ended = false;

  constructor(settings: RunSettings) {
    this.#settings = settings;
  }

  /** Aborts when somebody else has the run. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get isTaken(): boolean {
    return this.#fence > 0;
  }

  /** Whether the run was begun by somebody else. */
  get isResumed(): boolean {
    return this.#fence > 1;
  }

  /** @throws {StepInProgressError} Somebody else has the run. */
  take(expiresAt: number | undefined): Promise<Taken> {
    this.#taking ??= this.#take(expiresAt);
    return this.#taking;
  }

  async #take(expiresAt: number | undefined): Promise<Taken> {
    const { steps, runId, partition } = this.#settings;
    const leaseMs = this.#leaseMs();
    const until = this.#settings.now() + leaseMs;
    const outcome = await steps.claim(runKey(partition), {
      owner: this.owner,
      leaseMs,
      expiresAt,
    });
    if (outcome.status === "running") throw inProgress(runId, "run", outcome);
    if (outcome.status === "claimed") {
      this.#fence = outcome.fence;
      this.#until = until;
      this.#renewLater();
    }
    return outcome;
  }

  /**
   * Before anything is begun: a process that was paused may have lost the run without knowing.
   *
   * @throws {StepInProgressError} Somebody else has the run.
   */
  async hold(): Promise<void> {
    this.#lost.signal.throwIfAborted();
    if (this.#settings.now() >= this.#until) await this.#renew();
  }

  /**
   * The last write of this holder.
   *
   * @throws {StepInProgressError} It came too late: somebody else has the run.
   */
  async end(kind: "commit" | "fail", value: JsonValue): Promise<void> {
    const { steps, partition } = this.#settings;
    this.#lost.signal.throwIfAborted();
    if (!this.isTaken || this.#ended) return;
    // Whether it is written or not: nobody works on the run here any more.
    this.#renewNoMore();
    const written = await steps[kind](runKey(partition), this.#fence, value);
    this.#ended = true;
    if (!written) throw this.lose();
  }

  #renewNoMore(): void {
    this.#isRenewed = false;
    clearTimeout(this.#timer);
  }

  lose(): StepInProgressError {
    const { runId, leaseMs, now } = this.#settings;
    const error = inProgress(runId, "run", { expiresAt: now() + leaseMs });
    this.#renewNoMore();
    this.#lost.abort(error);
    return error;
  }

  #leaseMs(): number {
    const { leaseMs, remainingMs } = this.#settings;
    return Math.ceil(Math.min(leaseMs, Math.max(0, remainingMs()) + MARGIN_MS));
  }

  #renewLater(): void {
    this.#timer = startTimer(this.#leaseMs() / 3, () => {
      void this.#renewInTime();
    });
    // Whatever else keeps the process alive, this does not.
    this.#timer?.unref();
  }

  async #renewInTime(): Promise<void> {
    try {
      await this.#renew();
    } catch {
      // There is time for another try; `hold` tells the program.
    }
    if (this.#isRenewed) this.#renewLater();
  }

  async #renew(): Promise<void> {
    const { steps, partition, now } = this.#settings;
    const leaseMs = this.#leaseMs();
    const until = now() + leaseMs;
    const key = runKey(partition);
    if (await steps.renew(key, this.#fence, leaseMs)) this.#until = until;
    // What it was ended with is no lease.
    else if (this.#isRenewed) throw this.lose();
  }
}
