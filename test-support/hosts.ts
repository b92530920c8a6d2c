import { checkpointJournal, submitAnswer } from "@lambdallm/checkpoint";
import { type Journal, type JsonValue, Suspended } from "@lambdallm/core";
import { memoryJournal, memoryStores } from "@lambdallm/core/stores";
import { startHost } from "../packages/checkpoint/test/durable-host.ts";

/** Does its work with a journal. It is called again each time that the run is resumed. */
export type Program<Result> = (journal: Journal) => Promise<Result>;
type Programs<Result> = readonly [Program<Result>, ...Program<Result>[]];

/** By the names of the questions; null without one. */
export type HostAnswers = Readonly<Record<string, JsonValue>>;

export interface TestHost extends AsyncDisposable {
  readonly name: string;
  /** From the beginning of a run to its end, with as many resumes as it takes; for each one the next program, or the last. */
  run<Result>(...programs: Programs<Result>): Promise<Result>;
}

/** Statuses of what returns where it cannot be resumed, as in memory. */
const WAITING: readonly unknown[] = ["checkpointed", "suspended"];

function* inTurn<Result>([first, ...more]: Programs<Result>): Generator<
  Program<Result>,
  never
> {
  yield first;
  for (const program of more) yield program;
  for (;;) yield more.at(-1) ?? first;
}

export function inMemory(answers: HostAnswers = {}): TestHost {
  return {
    name: "a journal in memory",
    async run(...programs) {
      let journal = memoryJournal();
      for (const program of inTurn(programs)) {
        const result = await program(journal);
        if (!WAITING.includes(Object(result).status)) return result;
        journal = journal.resume({ answers });
      }
      throw new Error("There is always another program.");
    },
    async [Symbol.asyncDispose]() {},
  };
}

export function onStore(answers: HostAnswers = {}): TestHost {
  const store = memoryStores();
  return {
    name: "a journal in a store",
    async run(...programs) {
      let runId: string | undefined;
      for (const program of inTurn(programs)) {
        const journal = await checkpointJournal(store, runId, {
          maxStarts: 100,
        });
        ({ runId } = journal);
        try {
          const result = await program(journal);
          await journal.complete({});
          return result;
        } catch (error) {
          if (!Suspended.isInstance(error)) {
            await journal.fail(error);
            throw error;
          }
          const { waitingFor } = await journal.suspend(error);
          for (const { name, token } of waitingFor)
            await submitAnswer({ store, token, answer: answers[name] ?? null });
        }
      }
      throw new Error("There is always another program.");
    },
    async [Symbol.asyncDispose]() {},
  };
}

export async function onDurable(answers: HostAnswers = {}): Promise<TestHost> {
  const host = await startHost();
  return {
    name: "durable functions",
    async run<Result>(...programs: Programs<Result>) {
      const turns = inTurn(programs);
      const results: Result[] = [];
      const run = await host.startRun(async (journal) => {
        const { value: program } = turns.next();
        results.push(await program(journal));
      });
      for (;;) {
        const ending = await run.run();
        if ("error" in ending) throw ending.error;
        if (!("waitingFor" in ending)) break;
        for (const { name, token } of ending.waitingFor)
          await run.answer(token, answers[name] ?? null);
      }
      const [result] = results.slice(-1);
      if (result === undefined) throw new Error("The program did not end.");
      return result;
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}
