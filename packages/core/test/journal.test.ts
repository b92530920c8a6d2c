import { describe, expect, test } from "@jest/globals";
import { ModelInvocationError, StepFailure } from "../src/index.ts";
import { memoryJournal } from "../src/stores.ts";

const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("A step", () => {
  test("names the mistake of a program without types, and records none", async () => {
    const journal = memoryJournal();
    const step = (...given: unknown[]) =>
      Reflect.apply(journal.step, journal, given);
    expect(await caught(step("outline"))).toMatchObject({
      name: "ConfigurationError",
      message:
        'journal.step "outline": the second argument must be a function.',
    });
    expect(
      await caught(step("outline", async () => 1, { retries: 2 })),
    ).toMatchObject({
      name: "ConfigurationError",
      message:
        'journal.step "outline": there is no option "retries". Options: retry, maxBytes, turn.',
    });
  });

  test("runs once, and returns what was recorded in every later run", async () => {
    const journal = memoryJournal();
    let calls = 0;
    const program = (current: typeof journal) =>
      current.step("count", async () => ++calls);
    expect(await program(journal)).toBe(1);
    expect(await program(journal.resume())).toBe(1);
    expect(calls).toBe(1);
  });

  test("waits for its turn before it is started, and for none when it is recorded", async () => {
    const journal = memoryJournal();
    const order: string[] = [];
    const step = (current: typeof journal) =>
      current.step("a", async () => order.push("runs"), {
        turn: async () => {
          order.push("waits");
        },
      });
    await step(journal);
    await step(journal.resume());
    expect(order).toEqual(["waits", "runs"]);
  });

  test("returns its value as JSON, with bytes as they are, on the first run too", async () => {
    const journal = memoryJournal();
    const value = await journal.step("value", async () => ({
      at: new Date(0),
      gone: undefined,
      bytes: new Uint8Array([1, 2]),
    }));
    expect(value).toEqual({
      at: "1970-01-01T00:00:00.000Z",
      bytes: new Uint8Array([1, 2]),
    });
    expect(await journal.step("nothing", async () => undefined)).toBe(
      undefined,
    );
  });

  test("keeps its record, whatever the program does to what it got", async () => {
    const journal = memoryJournal();
    const list = await journal.step("list", async () => [1]);
    list.push(2);
    expect(await journal.resume().step("list", async () => [0])).toEqual([1]);
  });

  test("fails with an equal error in the first run and in every later one", async () => {
    const journal = memoryJournal();
    const fn = async () => {
      throw new ModelInvocationError("Slow down.", {
        reason: "throttled",
        model: "m",
        retryable: true,
        billed: "none",
      });
    };
    const first = await caught(journal.step("ask", fn));
    const second = await caught(journal.resume().step("ask", fn));
    expect(first).toBeInstanceOf(StepFailure);
    expect(first).toMatchObject({
      name: "StepFailure",
      step: "ask",
      code: "MODEL_INVOCATION",
      message: "Slow down.",
      statusCode: 503,
      expose: true,
      retryable: true,
      data: { reason: "throttled", model: "m" },
      costUsd: 0,
    });
    expect(second).toEqual(first);
    expect((second as Error).stack).toBe((first as Error).stack);
  });
});
