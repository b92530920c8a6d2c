import { presentOperations } from "../call/operations.ts";
import { runInStep, Spending, type StepScope } from "../call/step-scope.ts";
import { ConfigurationError } from "../contract/errors.ts";
import {
  type Failure,
  StepFailure,
  type StepInfo,
  type StepOptions,
  Suspended,
} from "../contract/journal.ts";
import { within } from "../time/within.ts";
import {
  type Asked,
  attemptPosition,
  type Entry,
  type StepKind,
} from "./entry.ts";
import { failureOf } from "./failure.ts";
import { recordedCopy } from "./recorded-copy.ts";
import type { Recorder } from "./recorder.ts";

export interface StepCall {
  readonly position: string;
  readonly asked: Asked & { readonly kind: StepKind };
  readonly fn: (info: StepInfo) => Promise<unknown>;
  readonly options: StepOptions;
}

/** How an attempt ended: with a value, or with a failure that may be tried again. */
type Attempt =
  | { readonly value: unknown }
  | { readonly failure: Failure; readonly final: boolean };

/** An attempt that failed, and is followed by another one. */
export type PutOff = Entry & { readonly status: "retry" };

/** One step, from what is recorded of it to its result. */
export class StepRun {
  readonly #recorder: Recorder;
  readonly #call: StepCall;
  readonly #spending = new Spending();
  #attempt = 1;
  #starts = 0;
  /** Where the present attempt is recorded: those that were tried again in this process share one. */
  #at: string;

  /** @param putOff The attempt before, where a host keeps each of them by itself. */
  constructor(recorder: Recorder, call: StepCall, putOff?: PutOff) {
    this.#recorder = recorder;
    this.#call = call;
    this.#at = call.position;
    if (putOff !== undefined) this.#goOnAfter(putOff);
  }

  /** What is recorded next: a result, or that the next attempt has to wait. */
  async next(): Promise<Entry> {
    const known = this.#recorder.entries.get(this.#at);
    this.#spending.continueFrom(known?.costUsd);
    const entry =
      known === undefined || known.status === "released"
        ? await this.#start()
        : known;
    if (entry.status === "retry") this.#goOnAfter(entry);
    return entry;
  }

  /** The next attempt has a position of its own, so that its starts are counted by themselves. */
  #goOnAfter({ attempt, costUsd }: PutOff): void {
    this.#spending.continueFrom(costUsd);
    this.#attempt = attempt + 1;
    this.#at = attemptPosition(this.#call.position, this.#attempt);
  }

  async #start(): Promise<Entry> {
    const { signal, maxStarts, runId } = this.#recorder;
    await this.#call.options.turn?.();
    signal?.throwIfAborted();
    if (this.#recorder.remainingMs() <= 0)
      throw new Suspended(runId, { resumeAt: this.#recorder.now() });
    const started = await this.#recorder.start(this.#at);
    if (typeof started !== "number") return started;
    this.#starts = started;
    if (started > maxStarts)
      return this.#record({
        status: "failed",
        failure: neverEnded(this.#call.asked.name, maxStarts),
      });
    for (;;) {
      const ended = await this.#try();
      if ("value" in ended)
        return this.#record({
          status: "done",
          ...(ended.value !== undefined && { value: ended.value }),
        });
      const delayMs = ended.final ? undefined : this.#delayOf(ended.failure);
      if (delayMs === undefined)
        return this.#record({ status: "failed", failure: ended.failure });
      if (!this.#recorder.canWait(delayMs))
        return this.#putOff(this.#recorder.now() + delayMs);
      await this.#recorder.wait(delayMs);
      this.#attempt += 1;
    }
  }

  async #try(): Promise<Attempt> {
    const { name } = this.#call.asked;
    const { recorder, limit } = this.#limits();
    let value: unknown;
    try {
      value = await this.#work();
    } catch (error) {
      if (Suspended.isInstance(error) || recorder.signal?.aborted) {
        await recorder.release(this.#at, this.#entry({ status: "released" }));
        throw error;
      }
      return { failure: failureOf(error, name), final: false };
    }
    try {
      const copy = recordedCopy(value, `The result of the step "${name}"`);
      if (copy.bytes <= limit) return copy;
      return {
        final: true,
        failure: refused(
          name,
          "RESULT_TOO_LARGE",
          `The result of the step "${name}" has ${copy.bytes} bytes as JSON, and ${limit} can be recorded: keep it elsewhere and return where it is.`,
        ),
      };
    } catch (error) {
      const { message } = failureOf(error, name);
      return {
        final: true,
        failure: refused(name, "RESULT_NOT_JSON", message),
      };
    }
  }

  #limits() {
    const { maxBytes } = this.#call.options;
    const recorder = this.#recorder;
    return { recorder, limit: recorder.resultLimit(maxBytes) };
  }

  #work(): Promise<unknown> {
    const { runId: id, isResumable, operations } = this.#recorder;
    const observed = operations ?? presentOperations();
    if (observed === undefined) return this.#limited();
    const { asked, position } = this.#call;
    return observed.run(
      {
        ...{ kind: "step", name: asked.name, run: { id, isResumable } },
        ...{ position, start: this.#starts, attempt: this.#attempt },
      },
      () => this.#limited(),
      () => ({ status: "completed", result: undefined }),
    );
  }

  #limited(): Promise<unknown> {
    const { runId, signal } = this.#recorder;
    const { asked, fn, position } = this.#call;
    const spending = this.#spending;
    const attempt = this.#attempt;
    return within(
      {
        limitMs: this.#recorder.remainingMs(),
        onTimeUp: () => {
          throw new Suspended(runId, { resumeAt: this.#recorder.now() });
        },
        signal,
      },
      async (own) => {
        const { name } = asked;
        const scope: StepScope = { runId, name, spending, signal: own };
        const info: StepInfo = {
          key: `${runId}/${position}`,
          attempt,
          signal: own,
          get costUsd() {
            return spending.costUsd;
          },
        };
        return runInStep(scope, async () => fn(info)).finally(() => {
          // Also when the step has caught it, and gone on without its answer.
          if (scope.suspended !== undefined) throw scope.suspended;
        });
      },
    );
  }

  /** @throws {ConfigurationError} */
  #delayOf(failure: Failure): number | undefined {
    const { name } = this.#call.asked;
    const decision = this.#call.options.retry?.(
      new StepFailure(failure),
      this.#attempt,
    );
    if (decision === undefined || decision === false) return undefined;
    const { delayMs } = decision;
    if (!Number.isFinite(delayMs) || delayMs < 0)
      throw new ConfigurationError(
        `The retry of the step "${name}" must return false or { delayMs } with a finite number of at least 0.`,
      );
    return delayMs;
  }

  #putOff(resumeAt: number): Promise<Entry> {
    const attempt = this.#attempt;
    return this.#record({ status: "retry", attempt, resumeAt });
  }

  #entry(ending: Ending): Entry {
    const { kind, name } = this.#call.asked;
    const costUsd = this.#spending.recorded;
    return { kind, name, ...ending, ...(costUsd !== undefined && { costUsd }) };
  }

  async #record(ending: Ending): Promise<Entry> {
    const entry = this.#entry(ending);
    await this.#recorder.record(this.#at, entry);
    return entry;
  }
}

type Ending =
  | { readonly status: "done"; readonly value?: unknown }
  | { readonly status: "failed"; readonly failure: Failure }
  | {
      readonly status: "retry";
      readonly attempt: number;
      readonly resumeAt: number;
    }
  | { readonly status: "released" };

function refused(step: string, code: string, message: string): Failure {
  const details = { statusCode: 500, expose: false, retryable: false };
  return { step, code, message, ...details };
}

function neverEnded(name: string, maxStarts: number): Failure {
  return refused(
    name,
    "STEP_NEVER_ENDED",
    `The step "${name}" was started ${maxStarts} times and never came to its end: the process ran out of memory, was killed, or had no time left each time. Give the function more memory or time, make the step smaller, or raise maxStarts.`,
  );
}
