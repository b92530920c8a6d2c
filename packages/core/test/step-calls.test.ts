import { expect, test } from "@jest/globals";
import middy from "middy7";
import { Suspended } from "../src/index.ts";
import { TestRun } from "./journal-recorder.ts";
import { hangingProvider, run as invoke } from "./support.ts";

test("The model calls of a step end with its time, those with a signal of their own, too", async () => {
  const run = new TestRun();
  run.remainingMs = 20;
  const { middleware, calls, reasons } = hangingProvider();
  const { signal } = new AbortController();
  const error = await invoke(middy, [middleware], async ({ llm }) => {
    const error = await run
      .journal()
      .step("slow", () =>
        Promise.all([llm.invoke("One"), llm.invoke("Two", {}, { signal })]),
      )
      .catch((reason: unknown) => reason);
    // Before the end of the invocation, which would end them, too.
    expect(reasons).toEqual([error, error]);
    return error;
  });
  expect(Suspended.isInstance(error)).toBe(true);
  expect(calls).toHaveLength(2);
});
