import {
  JournalMismatchError,
  StepInProgressError,
  Suspended,
  type WaitingFor,
} from "@lambdallm/core";
import { type Invocation, warn } from "@lambdallm/core/feature";
import type { CheckpointJournal } from "./checkpoint-journal.ts";
import { suspendedAnswer } from "./suspended-answer.ts";

/** A run that has to wait, for whoever sees to its continuation. */
export interface SuspendedRun {
  readonly runId: string;
  readonly tenantId: string;
  /** Epoch milliseconds from which on it can be resumed; left out when only answers help. */
  readonly resumeAt?: number | undefined;
  /** The questions, with the tokens that answer them. */
  readonly waitingFor: readonly WaitingFor[];
}

export interface RunEndOptions {
  readonly journal: CheckpointJournal;
  readonly invocation: Pick<Invocation, "suspended" | "events">;
  readonly tenantId: string;
  readonly onSuspend: ((run: SuspendedRun) => unknown) | undefined;
  readonly now: () => number;
}

/** How the run of an invocation ends. Middy may say so twice: an error behind the handler reaches both phases. */
export class RunEnd {
  readonly #options: RunEndOptions;
  #ended = false;
  /** Whether Middy has come to any of the phases. */
  #told = false;

  constructor(options: RunEndOptions) {
    this.#options = options;
  }

  /** @returns What the invocation answers with when the handler has returned this. */
  async returned(response: unknown): Promise<unknown> {
    this.#told = true;
    const { journal, invocation } = this.#options;
    await journal.idle();
    const suspended = journal.suspended ?? invocation.suspended;
    if (suspended) return this.#suspend(suspended);
    const result = journal.begun
      ? withRunId(response, journal.runId)
      : response;
    await journal.complete(result);
    this.#ended = true;
    const { runId } = journal;
    invocation.events.emit("run-end", { runId, status: "completed" });
    return result;
  }

  /** @returns What the invocation answers with when the handler has thrown this; undefined when the error goes on. */
  async threw(error: unknown): Promise<unknown> {
    this.#told = true;
    const { journal, invocation } = this.#options;
    await journal.idle();
    const waits = journal.suspended && !JournalMismatchError.isInstance(error);
    if (!this.#ended && (waits || Suspended.isInstance(error)))
      return this.#suspend(Suspended.isInstance(error) ? error : undefined);
    if (!this.#ended) {
      // Tried once.
      this.#ended = true;
      await freed(journal.fail(error));
      const { runId } = journal;
      invocation.events.emit("run-end", { runId, status: "failed", error });
    }
    if (journal.begun) nameRun(error, journal.runId);
    return undefined;
  }

  /** The invocation is over, and neither happened: another middleware has answered. */
  async leave(): Promise<void> {
    if (this.#ended) return;
    const { journal } = this.#options;
    await journal.idle();
    const waits = journal.suspended && !this.#told;
    await freed(waits ? this.#suspend() : journal.leave());
  }

  async #suspend(reason?: Suspended): Promise<unknown> {
    const { journal, tenantId, onSuspend, now, invocation } = this.#options;
    const { runId } = journal;
    const { resumeAt, waitingFor } = await journal.suspend(reason);
    this.#ended = true;
    const questions = waitingFor.length;
    invocation.events.emit("run-suspend", { runId, resumeAt, questions });
    await onSuspend?.({ runId, tenantId, resumeAt, waitingFor });
    return suspendedAnswer({ runId, resumeAt, waitingFor }, now());
  }
}

/** Whatever becomes of it, the invocation has its answer already. */
async function freed(freeing: Promise<unknown>): Promise<void> {
  try {
    await freeing;
  } catch (failure) {
    // Nothing is to be freed of a run that somebody else has.
    if (!StepInProgressError.isInstance(failure))
      warn("The run could not be freed", failure);
  }
}

/** An HTTP response says which run it is of. */
function withRunId(response: unknown, runId: string): unknown {
  const { statusCode, headers } = Object(response);
  return typeof statusCode === "number"
    ? { ...Object(response), headers: { ...headers, "x-run-id": runId } }
    : response;
}

/** For the caller, by `@middy/http-error-handler`, and for whoever logs it. Neither is printed with the error. */
function nameRun(error: unknown, runId: string): void {
  if (!(error instanceof Object) || !Object.isExtensible(error)) return;
  const headers = { ...Reflect.get(error, "headers"), "x-run-id": runId };
  for (const [name, value] of Object.entries({ headers, runId }))
    if (name === "headers" || !(name in error))
      Object.defineProperty(error, name, {
        value,
        configurable: true,
        writable: true,
        enumerable: false,
      });
}
