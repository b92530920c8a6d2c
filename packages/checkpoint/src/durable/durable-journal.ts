import type { DurableContext } from "@aws/durable-execution-sdk-js";
import {
  type Branch,
  ConfigurationError,
  type Journal,
  JournalMismatchError,
  type Settled,
  StepFailure,
  type StepInfo,
  type StepOptions,
} from "@lambdallm/core";
import {
  type Asked,
  checkBranches,
  checkDuration,
  checkName,
  checkWork,
  failureOf,
  positionOf,
  Running,
  recordedCopy,
  refuseNested,
  submitPosition,
} from "@lambdallm/core/stores";
import { type Ending, Operations, type Place } from "./operations.ts";
import { labelOf } from "./records.ts";

/** A leap year: the service waits no longer. */
const LONGEST_MS = 31_622_400_000;

/**
 * Each of its operations has a virtual context of its own, which costs nothing: whatever happens in it, and in whatever order, the
 * operations beside it keep their places.
 */
export class DurableJournal implements Journal {
  readonly runId: string;
  readonly #context: DurableContext;
  readonly #place: Place;
  readonly #prefix: string;
  readonly #running = new Running();
  #asked = 0;

  constructor(context: DurableContext, place: Place, prefix: string) {
    this.runId = place.recorder.runId;
    this.#context = context;
    this.#place = place;
    this.#prefix = prefix;
  }

  /** Waits for what was started and nobody awaits any more: a context that has ended records nothing. */
  idle(): Promise<void> {
    return this.#running.idle();
  }

  step<T>(
    name: string,
    fn: (info: StepInfo) => Promise<T>,
    options: StepOptions = {},
  ): Promise<T> {
    const asked = { kind: "step", name } as const;
    return this.#take(asked, async (position, operations) => {
      checkWork(asked, fn, options);
      const call = { position, asked, fn, options };
      return (await operations.step(call)) as T;
    });
  }

  all<T>(
    name: string,
    branches: readonly Branch<T>[],
    options: { readonly concurrency?: number | undefined } = {},
  ): Promise<Settled<T>[]> {
    return this.#take({ kind: "all", name }, async (position, operations) => {
      checkBranches(name, branches, options);
      const { concurrency = branches.length } = options;
      const slots = branches.map(() => Promise.withResolvers<Settled<T>>());
      const outcomes = slots.map(({ promise }) => promise);
      // Most branches wait for no other.
      for (const outcome of outcomes) outcome.catch(() => {});
      const waiting = branches.entries();
      const work = async () => {
        // Each worker takes the next one.
        for (const [index, branch] of waiting) {
          const prefix = `${positionOf(`${position}.`, index + 1)}.`;
          const ending = operations.recorded<T>(name, async (inner, place) => {
            const journal = new DurableJournal(inner, place, prefix);
            const ended = await endingOf(name, () => branch(journal, outcomes));
            await journal.idle();
            return ended;
          });
          slots[index]?.resolve(ending);
          await ending;
        }
      };
      const workers = Math.min(concurrency, branches.length);
      await Promise.all(Array.from({ length: workers }, work));
      return Promise.all(outcomes);
    });
  }

  sleep(name: string, ms: number): Promise<void> {
    return this.#take(
      { kind: "sleep", name },
      async (_position, operations) => {
        checkTime(name, ms);
        await operations.wait(name, ms);
      },
    );
  }

  ask<T>(
    name: string,
    submit: (token: string, info: StepInfo) => Promise<void>,
    options: { readonly timeoutMs?: number | undefined } = {},
  ): Promise<T> {
    const asked = { kind: "ask", name } as const;
    return this.#take(asked, async (position, operations) => {
      checkWork(asked, submit, options);
      const { timeoutMs } = options;
      if (timeoutMs !== undefined) checkTime(name, timeoutMs);
      const question = {
        ...{ name, timeoutMs, submit },
        position: submitPosition(position),
      };
      // A callback that was given up holds the execution up until the context around it has ended.
      const outcome = await operations.recorded<T>(name, (inner, place) =>
        endingOf(name, () => new Operations(inner, place).answer(question)),
      );
      if (!outcome.ok) throw outcome.error;
      return outcome.value;
    });
  }

  /** Takes its place before anything is awaited: what is started together keeps its order. */
  #take<T>(
    asked: Asked,
    run: (position: string, operations: Operations) => Promise<T>,
  ): Promise<T> {
    return this.#running.add(this.#taken(asked, run));
  }

  async #taken<T>(
    asked: Asked,
    run: (position: string, operations: Operations) => Promise<T>,
  ): Promise<T> {
    refuseNested(this.runId, asked);
    checkName(asked);
    this.#asked += 1;
    const position = positionOf(this.#prefix, this.#asked);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    promise.catch(() => {});
    // Past the SDK, which hands on no errors but its own.
    await this.#context.runInChildContext(
      labelOf(asked.name),
      (context) =>
        run(position, new Operations(context, this.#place)).then(
          resolve,
          reject,
        ),
      { virtualContext: true },
    );
    return promise;
  }
}

async function endingOf<T>(
  name: string,
  run: () => Promise<T>,
): Promise<Ending<T>> {
  try {
    const value = await run();
    return { ok: true, value: recordedCopy(value, name).value as T };
  } catch (error) {
    if (JournalMismatchError.isInstance(error)) return { fatal: error };
    return { ok: false, error: new StepFailure(failureOf(error, name)) };
  }
}

function checkTime(name: string, ms: number): void {
  checkDuration(name, ms);
  if (ms > LONGEST_MS)
    throw new ConfigurationError(
      `journal: the time of "${name}" must be a year at most: a durable execution waits no longer.`,
    );
}
