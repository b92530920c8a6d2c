import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  type CheckpointJournal,
  checkpointJournal,
  submitAnswer,
} from "@lambdallm/checkpoint";
import { StepInProgressError, StoreError, Suspended } from "@lambdallm/core";
import {
  MemoryStepStore,
  memoryJournal,
  type StepStore,
} from "@lambdallm/core/stores";
import fc from "fast-check";
import { printed } from "../../../test-support/quiet.ts";
import { rounds } from "../../../test-support/rounds.ts";
import { type Part, programs, runProgram } from "./programs.ts";

const LEASE_MS = 60_000;
const HOUR_MS = 3_600_000;
const RUN_ID = "run";
const ROUNDS = 300;
const STILL_LISTED =
  "LambdaLLMWarning: A run that has ended is still in the list of those that wait: The store is not there.";

/** What happens at an operation of the store. */
type Fault =
  /** It was not done. */
  | "fails"
  /** It was done, and nobody was told. */
  | "lost reply"
  /** The process ends before it. */
  | "killed"
  /** The process stands still, longer than its lease, and another one resumes the run meanwhile. */
  | "stalls";

interface Process {
  isDead: boolean;
}

const unavailable = (operation: string) =>
  new StoreError("The store is not there.", {
    reason: "unavailable",
    operation,
    retryable: true,
  });

class World {
  time = 1_000_000;
  readonly store = new MemoryStepStore({ now: () => this.time });
  readonly #program: readonly Part[];
  readonly #faults: Map<number, Fault>;
  #operations = 0;
  /** What has gone wrong. */
  readonly problems: string[] = [];
  readonly results: unknown[] = [];
  readonly #done = new Set<string>();

  constructor(program: readonly Part[], faults: ReadonlyMap<number, Fault>) {
    this.#program = program;
    this.#faults = new Map(faults);
  }

  /** The store as a process sees it. */
  #storeOf(process: Process): StepStore {
    const { store } = this;
    return new Proxy<StepStore>(store, {
      get:
        (_, name: keyof StepStore) =>
        async (...given: unknown[]) => {
          this.#operations += 1;
          const fault = this.#faults.get(this.#operations);
          if (fault === "stalls" && !process.isDead) {
            this.time += 2 * LEASE_MS;
            await this.invoke();
          }
          if (fault === "killed") process.isDead = true;
          if (process.isDead || fault === "fails") throw unavailable(name);
          const result: unknown = await Reflect.apply(
            store[name],
            store,
            given,
          );
          if (name === "commit" && result === true) {
            const [key, , entry] = given as Parameters<StepStore["commit"]>;
            if (Reflect.get(Object(entry), "status") !== "retry")
              this.#done.add(key.step.replace(/@.*/, ""));
          }
          if (fault === "lost reply") throw unavailable(name);
          return result;
        },
    });
  }

  /** One invocation, from its beginning to its end. */
  async invoke(): Promise<void> {
    const process: Process = { isDead: false };
    const steps = this.#storeOf(process);
    let journal: CheckpointJournal | undefined;
    try {
      journal = await checkpointJournal({ steps }, RUN_ID, {
        begin: true,
        leaseMs: LEASE_MS,
        maxStarts: 1_000,
        now: () => this.time,
      });
      if (journal.finished) return;
      const result = await runProgram(journal, this.#program, {
        runs: (key) => this.#runs(key),
      });
      await journal.complete(result);
    } catch (error) {
      await this.#caught(error, journal, process);
    }
  }

  async #caught(
    error: unknown,
    journal: CheckpointJournal | undefined,
    process: Process,
  ): Promise<void> {
    const end = Suspended.isInstance(error)
      ? journal?.suspend(error)
      : journal?.fail(error);
    await end?.catch((failure: unknown) => this.#expected(failure));
    // A killed process has no timers.
    if (process.isDead) await journal?.leave().catch(() => {});
    if (!Suspended.isInstance(error)) return this.#expected(error);
    this.time = Math.max(this.time, error.resumeAt ?? 0);
    for (const { name, token } of error.waitingFor)
      if (name.endsWith("please"))
        await submitAnswer({
          store: { steps: this.store },
          token,
          answer: `yes to ${name}`,
        });
  }

  #expected(error: unknown): void {
    if (StoreError.isInstance(error)) return;
    if (StepInProgressError.isInstance(error)) {
      this.time += 2 * LEASE_MS;
      return;
    }
    this.problems.push(`thrown: ${error}`);
  }

  #runs(key: string): void {
    const step = key.slice(RUN_ID.length + 1);
    if (this.#done.has(step)) this.problems.push(`${step} is run again`);
  }

  async result(): Promise<unknown> {
    const journal = await checkpointJournal({ steps: this.store }, RUN_ID, {
      begin: true,
      now: () => this.time,
    });
    if (journal.finished) return journal.finished.result;
    await journal.leave();
    return undefined;
  }

  async isDone(): Promise<boolean> {
    const key = { runId: `default/${RUN_ID}`, step: "run" };
    return (await this.store.find(key))?.status === "done";
  }
}

/** The result without any fault. */
async function expected(program: readonly Part[]): Promise<unknown> {
  let time = 0;
  const journal = memoryJournal({
    now: () => time,
    wait: async (ms) => {
      time += ms;
    },
    answers: ({ name }) => {
      if (name.endsWith("please")) return `yes to ${name}`;
      // Nobody answers: its time passes.
      time += HOUR_MS;
      return undefined;
    },
  });
  const result = await runProgram(journal, program, { runs: () => {} });
  await journal.idle();
  return result;
}

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
beforeEach(() => {
  process.on("unhandledRejection", note);
});
afterEach(() => {
  process.off("unhandledRejection", note);
});

const faults = fc.array(
  fc.tuple(
    fc.integer({ min: 1, max: 60 }),
    fc.constantFrom<Fault>("fails", "lost reply", "killed", "stalls"),
  ),
  { maxLength: 8 },
);

test("Whatever happens to a run's processes and store, every step commits once, and the result is that of an undisturbed run", async () => {
  await fc.assert(
    fc.asyncProperty(
      programs,
      faults,
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
      async (program, planned, crowds) => {
        const world = new World(program, new Map(planned));
        for (let round = 0; !(await world.isDone()); round += 1) {
          if (round > ROUNDS) throw new Error("The run never ends.");
          const crowd = crowds[round % crowds.length];
          await Promise.all(
            Array.from({ length: Number(crowd) }, () => world.invoke()),
          );
          if (program.length === 0) break;
        }
        expect(world.problems).toEqual([]);
        if (await world.isDone())
          expect(await world.result()).toEqual(await expected(program));
        await new Promise((resolve) => setImmediate(resolve));
        expect(unhandled).toEqual([]);
        expect(printed().filter((text) => text !== STILL_LISTED)).toEqual([]);
      },
    ),
    { numRuns: rounds(200, 1_500) },
  );
});
