import type { Journal } from "@lambdallm/core";
import { type MemoryJournal, memoryJournal } from "@lambdallm/core/stores";
import type { ConformanceRun, JournalEnding } from "@lambdallm/testing";

const MOST_RUNS = 20;

/** Runs programs on journals in memory, whose waits pass at once. `changed` gives the program another journal than the good one. */
export const memoryHost =
  (changed: (journal: MemoryJournal) => Journal = (journal) => journal) =>
  async (
    program: (journal: Journal) => Promise<unknown>,
  ): Promise<ConformanceRun> => {
    let time = Date.now();
    const answers = new Map<string, unknown>();
    const first = memoryJournal({
      now: () => time,
      wait: async (ms) => {
        time += ms;
      },
      answers: ({ token }) => answers.get(token),
    });
    const run = async (tries = MOST_RUNS): Promise<JournalEnding> => {
      if (tries === 0) throw new Error("It is suspended again and again.");
      const journal = first.resume();
      const ending = await program(changed(journal)).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      // Also when the program has caught it.
      if (journal.suspended === undefined) return ending;
      const { resumeAt, waitingFor } = journal.suspended;
      if (resumeAt === undefined) return { waitingFor };
      time = Math.max(time, resumeAt);
      return run(tries - 1);
    };
    return {
      run: () => run(),
      answer: async (token, value) => void answers.set(token, value),
    };
  };
