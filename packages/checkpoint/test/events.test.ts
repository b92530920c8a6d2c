import { describe, expect, test } from "@jest/globals";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import { middyMajors } from "../../../test-support/middy.ts";
import { watchingOperations } from "../../../test-support/operations.ts";
import {
  type Chain,
  functionOf,
  type Handler,
  type InvokeOptions,
  rejection,
  suspendedIn,
} from "./support.ts";

const HOUR_MS = 3_600_000;
const NOON = Date.UTC(2026, 10, 28, 12);

/** What happens to the runs of a function, without their ids. */
function listening() {
  const seen: unknown[] = [];
  const runIds = new Set<string>();
  const middleware: Chain = {
    before: async ({ context }) => {
      for (const name of ["run-start", "run-suspend", "run-end"] as const)
        invocationOf(context).events.on(name, ({ runId, ...event }) => {
          runIds.add(runId);
          seen.push({ [name]: event });
        });
    },
  };
  return { seen, runIds, middleware };
}

describe.each(middyMajors)("Observers of runs on %s", (_name, middy) => {
  const onStore = (handler: Handler, options: InvokeOptions = {}) => {
    const clock = { time: NOON };
    const now = () => clock.time;
    const store = memoryStores({ now });
    const checkpoint = { store, now };
    return {
      clock,
      invoke: functionOf(handler, { middy, checkpoint, ...options }),
    };
  };

  test("see one begin, wait, go on and end", async () => {
    const { seen, runIds, middleware } = listening();
    const watched = watchingOperations();
    const { clock, invoke } = onStore(
      async ({ journal }) => {
        await journal.step("first", async () => 1);
        await journal.sleep("nap", HOUR_MS);
        return journal.step("second", async () => 2);
      },
      { outer: [middleware, watched.middleware] },
    );
    const { runId } = suspendedIn(await invoke());
    clock.time += HOUR_MS;
    await invoke({ runId });
    expect([...runIds]).toEqual([runId]);
    expect(seen).toEqual([
      { "run-start": { isResumed: false } },
      { "run-suspend": { resumeAt: NOON + HOUR_MS, questions: 0 } },
      { "run-start": { isResumed: true } },
      { "run-end": { status: "completed" } },
    ]);
    expect(watched.begun).toEqual(["step first", "step second"]);
    expect(watched.operations[0]).toMatchObject({
      run: { id: runId, isResumable: true },
      ...{ start: 1, attempt: 1 },
    });
  });

  test("see one wait for answers", async () => {
    const { seen, middleware } = listening();
    const { invoke } = onStore(
      ({ journal }) => journal.ask("approve", async () => {}),
      { outer: [middleware] },
    );
    await invoke();
    expect(seen).toEqual([
      { "run-start": { isResumed: false } },
      { "run-suspend": { questions: 1 } },
    ]);
  });

  test("see one fail, with its error", async () => {
    const { seen, middleware } = listening();
    const error = new Error("no");
    const { invoke } = onStore(
      async () => {
        throw error;
      },
      { outer: [middleware] },
    );
    await rejection(invoke());
    expect(seen.at(-1)).toEqual({ "run-end": { status: "failed", error } });
  });

  test("see the steps of a run in memory too", async () => {
    const watched = watchingOperations();
    const invoke = functionOf(
      ({ journal }) => journal.step("only", async () => 1),
      { middy, outer: [watched.middleware] },
    );
    expect(await invoke()).toBe(1);
    expect(watched.operations).toMatchObject([
      { kind: "step", name: "only", run: { isResumable: false } },
    ]);
  });
});
