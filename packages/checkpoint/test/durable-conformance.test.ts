import { afterAll, afterEach, beforeAll, describe, test } from "@jest/globals";
import { journalConformance } from "@lambdallm/testing";
import { type DurableHost, startHost } from "./durable-host.ts";

let host: DurableHost;

beforeAll(async () => {
  host = await startHost();
});

afterEach(() => {
  for (const execution of host.durable.executions) execution.stop();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

describe("durableJournal", () => {
  journalConformance({ test, startRun: (program) => host.startRun(program) });
});
