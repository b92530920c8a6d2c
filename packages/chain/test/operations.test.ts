import { describe, expect, test } from "@jest/globals";
import { InvocationTimeoutError } from "@lambdallm/core";
import { memoryJournal } from "@lambdallm/core/stores";
import { MockProvider } from "@lambdallm/testing";
import { watchingOperations } from "../../../test-support/operations.ts";
import { Chain, chain, Step } from "../src/index.ts";
import { inHandler } from "./support.ts";

const report = chain("report")
  .step({ name: "summary", prompt: "Summarize: {text}" })
  .step({ name: "length", prompt: "How long? {summary.output}" });

describe("Observers of a chain", () => {
  test("see the run, its steps and their model calls", async () => {
    const { middleware, ...watched } = watchingOperations();
    const provider = new MockProvider({ responses: ["S", "L"] }).middleware();
    const journal = memoryJournal();
    const run = () =>
      inHandler((context) => report.run(context, { text: "T" }, { journal }), {
        provider,
        more: [middleware],
      });
    await run();
    expect(watched.operations.map(({ kind }) => kind)).toEqual([
      "chain",
      "step",
      "step",
      "call",
      "attempt",
      "step",
      "call",
      "attempt",
    ]);
  });

  test("see how it has ended", async () => {
    const ends = async (func: () => unknown, options = {}) => {
      const watched = watchingOperations();
      const one = new Chain({
        name: "one",
        steps: [new Step({ name: "only", func })],
        ...options,
      });
      await inHandler((context) => one.run(context), {
        more: [watched.middleware],
      });
      return watched.outcomes.at(-1);
    };
    expect(await ends(() => 1)).toEqual({
      status: "completed",
      result: { status: "completed" },
    });
    expect(
      await ends(() => {
        throw new Error("no");
      }),
    ).toMatchObject({
      status: "failed",
      error: { step: "only" },
      result: { status: "failed" },
    });
  });

  test("see one that has to wait", async () => {
    const watched = watchingOperations();
    const waiting = new Chain({
      name: "waiting",
      steps: [
        new Step({
          name: "late",
          func: () => {
            throw new InvocationTimeoutError("The time was over.");
          },
        }),
      ],
      timeoutStrategy: "checkpoint",
    });
    const { status } = await inHandler((context) => waiting.run(context), {
      more: [watched.middleware],
    });
    expect(status).toBe("checkpointed");
    expect(watched.ended).toEqual([
      "chain waiting > step waiting: completed",
      "chain waiting > step late: suspended",
      "chain waiting: suspended",
    ]);
  });
});
