import { describe, expect, test } from "@jest/globals";
import { memoryStores } from "@lambdallm/core/stores";
import { middyMajors } from "../../../test-support/middy.ts";
import { counter, functionOf, suspendedIn } from "./support.ts";

const HOUR_MS = 3_600_000;

describe.each(middyMajors)("On %s", (_name, middy) => {
  test("a handler without a store has a journal in memory, and its result is left as it is", async () => {
    const { runs, count } = counter();
    const invoke = functionOf(
      async ({ journal, llm }) => {
        expect(llm.journal).toBe(journal);
        return {
          statusCode: 200,
          body: await journal.step("a", () => count("a")),
        };
      },
      { middy },
    );
    expect(await invoke()).toEqual({ statusCode: 200, body: "a 1" });
    expect(runs).toEqual({ a: 1 });
  });

  test("a run that has to wait answers with 202 and its id, and goes on where it was when the id comes back", async () => {
    let time = Date.UTC(2026, 10, 28);
    const now = () => time;
    const { runs, count } = counter();
    const invoke = functionOf(
      async ({ journal }) => {
        const first = await journal.step("first", () => count("first"));
        await journal.sleep("pause", HOUR_MS);
        return `${first}, ${await journal.step("second", () => count("second"))}`;
      },
      { middy, checkpoint: { store: memoryStores({ now }), now } },
    );
    const answer = await invoke();
    const { runId } = suspendedIn(answer);
    expect(runId).toMatch(/^[\w-]{36}$/);
    expect(answer).toEqual({
      statusCode: 202,
      headers: {
        "content-type": "application/json",
        "x-run-id": runId,
        "retry-after": "3600",
      },
      body: JSON.stringify({
        runId,
        status: "suspended",
        resumeAt: time + HOUR_MS,
        waitingFor: [],
      }),
    });
    time += HOUR_MS;
    expect(await invoke({ headers: { "X-Run-Id": runId } })).toBe(
      "first 1, second 1",
    );
    expect(runs).toEqual({ first: 1, second: 1 });
  });
});
