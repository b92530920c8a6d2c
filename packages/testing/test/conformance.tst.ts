import { it, test as nodeTest } from "node:test";
import { test as jestTest } from "@jest/globals";
import { MemorySessionStore, MemoryStepStore } from "@lambdallm/core/stores";
import { type RegisterTest, stepStoreConformance } from "@lambdallm/testing";
import { describe, expect, test } from "tstyche";

describe("the conformance suites", () => {
  test("take the functions of runners as they are", () => {
    expect<RegisterTest>().type.toBeAssignableFrom(nodeTest);
    expect<RegisterTest>().type.toBeAssignableFrom(it);
    expect<RegisterTest>().type.toBeAssignableFrom(jestTest);
  });

  test("take stores of their own kind", () => {
    expect(stepStoreConformance).type.toBeCallableWith({
      test: nodeTest,
      createStore: async () => new MemoryStepStore(),
    });
    expect(stepStoreConformance).type.not.toBeCallableWith({
      test: nodeTest,
      createStore: () => new MemorySessionStore(),
    });
  });
});
