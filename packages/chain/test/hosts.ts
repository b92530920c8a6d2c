import type { ChainResult } from "@lambdallm/chain";
import { checkpointJournal } from "@lambdallm/checkpoint";
import { type Journal, Suspended } from "@lambdallm/core";
import { memoryJournal, memoryStores } from "@lambdallm/core/stores";
import { startHost } from "../../checkpoint/test/durable-host.ts";

/** Runs a chain with a journal. It is called again each time that the run is resumed. */
export type Program = (journal: Journal) => Promise<ChainResult>;

export interface TestHost extends AsyncDisposable {
  readonly name: string;
  /** From the beginning of a run to its end, with as many resumes as it takes; for each one the next program, or the last. */
  run(...programs: readonly [Program, ...Program[]]): Promise<ChainResult>;
}

type Programs = readonly [Program, ...Program[]];

function* inTurn([first, ...more]: Programs): Generator<Program, never> {
  yield first;
  for (const program of more) yield program;
  for (;;) yield more.at(-1) ?? first;
}

export const inMemory: TestHost = {
  name: "a journal in memory",
  async run(...programs) {
    let journal = memoryJournal();
    for (const program of inTurn(programs)) {
      const result = await program(journal);
      if (result.status !== "checkpointed") return result;
      journal = journal.resume();
    }
    throw new Error("There is always another program.");
  },
  async [Symbol.asyncDispose]() {},
};

export function onStore(store = memoryStores()): TestHost {
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
          await journal.suspend(error);
        }
      }
      throw new Error("There is always another program.");
    },
    async [Symbol.asyncDispose]() {},
  };
}

export async function onDurable(): Promise<TestHost> {
  const host = await startHost();
  return {
    name: "durable functions",
    async run(...programs) {
      const turns = inTurn(programs);
      let last: ChainResult | undefined;
      const run = await host.startRun(async (journal) => {
        const { value: program } = turns.next();
        last = await program(journal);
      });
      const ending = await run.run();
      if ("error" in ending) throw ending.error;
      if (last === undefined) throw new Error("The chain did not end.");
      return last;
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}
