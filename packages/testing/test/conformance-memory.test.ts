import { describe, test } from "@jest/globals";
import {
  MemoryBudgetStore,
  MemorySessionStore,
  MemoryStepStore,
} from "@lambdallm/core/stores";
import {
  budgetStoreConformance,
  sessionStoreConformance,
  stepStoreConformance,
} from "@lambdallm/testing";

let time = Date.now();
const now = () => time;
const clock = {
  now,
  advance: (ms: number) => {
    time += ms;
  },
};

describe("MemorySessionStore", () => {
  const store = new MemorySessionStore({ now });
  sessionStoreConformance({ test, createStore: () => store, clock });
});

describe("MemoryBudgetStore", () => {
  const store = new MemoryBudgetStore();
  budgetStoreConformance({ test, createStore: () => store });
});

describe("MemoryStepStore", () => {
  const store = new MemoryStepStore({ now });
  stepStoreConformance({ test, createStore: () => store, clock });
});
