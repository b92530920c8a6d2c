import { afterAll, beforeAll, describe, test } from "@jest/globals";
import {
  checkpointJournal,
  type StepStores,
  submitAnswer,
} from "@lambdallm/checkpoint";
import type { Journal } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import { type ConformanceRun, journalConformance } from "@lambdallm/testing";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient } from "../../../test-support/dynamodb-client.ts";

/** Runs programs on a store, and comes back when a suspended one can be resumed. */
const hostOn =
  (storeOf: (now: () => number) => StepStores) =>
  async (
    program: (journal: Journal) => Promise<unknown>,
  ): Promise<ConformanceRun> => {
    let time = Date.now();
    const now = () => time;
    const store = storeOf(now);
    let runId: string | undefined;
    const run: ConformanceRun["run"] = async () => {
      const journal = await checkpointJournal(store, runId, { now });
      const ending = await program(journal).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      runId = journal.runId;
      await journal.idle();
      if (journal.suspended === undefined) {
        await journal.leave();
        return ending;
      }
      const { resumeAt, waitingFor } = await journal.suspend();
      if (resumeAt === undefined) return { waitingFor };
      time = Math.max(time, resumeAt);
      return run();
    };
    return {
      run,
      answer: async (token, answer) => {
        await submitAnswer({ store, token, answer });
      },
    };
  };

describe("A journal in a store in memory", () => {
  journalConformance({
    test,
    startRun: hostOn((now) => memoryStores({ now })),
  });
});

describe("A journal in DynamoDB", () => {
  let table: TestTable;
  beforeAll(async () => {
    table = await startTable();
  });
  afterAll(() => table.stop());

  journalConformance({
    test,
    startRun: hostOn((now) => {
      const { tableName, clientConfig } = table;
      const client = plainClient(clientConfig);
      return dynamoDBStore({ tableName, client, now, timeoutMs: 60_000 });
    }),
    timeoutMs: 120_000,
  });
});
