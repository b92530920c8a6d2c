import { afterAll, beforeAll, describe, test } from "@jest/globals";
import {
  budgetStoreConformance,
  sessionStoreConformance,
  stepStoreConformance,
} from "@lambdallm/testing";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient } from "../../../test-support/dynamodb-client.ts";
import { storeOf } from "./support.ts";

let table: TestTable;
let time = Date.now();

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const connect = () =>
  storeOf(table, plainClient(table.clientConfig), { now: () => time });

/** Only a bound for a hung test: 50 writers on a busy machine take more than the default of a minute. */
const timeoutMs = 600_000;

const clock = {
  now: () => time,
  advance: (ms: number) => {
    time += ms;
  },
};

describe("DynamoDB as a SessionStore", () => {
  sessionStoreConformance({
    test,
    createStore: () => connect().sessions,
    clock,
    timeoutMs,
  });
});

describe("DynamoDB as a BudgetStore", () => {
  budgetStoreConformance({
    test,
    createStore: () => connect().budgets,
    timeoutMs,
  });
});

describe("DynamoDB as a StepStore", () => {
  stepStoreConformance({
    test,
    createStore: () => connect().steps,
    clock,
    timeoutMs,
  });
});
