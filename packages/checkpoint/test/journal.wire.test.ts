import {
  afterAll,
  beforeAll,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import {
  type CheckpointJournal,
  type CheckpointJournalOptions,
  checkpointJournal,
  describeRun,
  type StepStores,
} from "@lambdallm/checkpoint";
import {
  StepFailure,
  StepInProgressError,
  StoreError,
  Suspended,
} from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  injectFaults,
  plainClient,
  recordRequests,
  seeded,
} from "../../../test-support/dynamodb-client.ts";
import { counter, rejection } from "./support.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let table: TestTable;
beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

function tableStore(
  now: () => number,
  client = plainClient(table.clientConfig),
) {
  const { tableName } = table;
  return dynamoDBStore({ tableName, client, now, timeoutMs: 60_000 });
}

const stores: readonly (readonly [
  name: string,
  storeOf: (now: () => number) => StepStores,
])[] = [
  ["in memory", (now) => memoryStores({ now })],
  ["DynamoDB", (now) => tableStore(now)],
];

/** A store, and a clock that the test moves. */
function clocked(storeOf: (now: () => number) => StepStores) {
  const clock = { time: Date.now() };
  const now = () => clock.time;
  const store = storeOf(now);
  const open = (runId?: string, options: CheckpointJournalOptions = {}) =>
    checkpointJournal(store, runId, { now, ...options });
  return { clock, store, open };
}

/** Frees what is left of a holder that somebody else has superseded. */
const forget = (journal: CheckpointJournal) => journal.leave().catch(() => {});

/** Work that the test ends. */
function work() {
  const { promise, resolve } = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<void>();
  const run = async () => {
    begun.resolve();
    return promise;
  };
  return { run, end: resolve, begun: begun.promise };
}

describe.each(stores)("A run in a store (%s)", (_name, storeOf) => {
  test("that 20 resume at the same time goes on in one of them: each step commits once, and the others are told when to come back", async () => {
    const { clock, open } = clocked(storeOf);
    const { runs, count } = counter();
    const others = Promise.withResolvers<void>();
    const program = async (journal: CheckpointJournal) => {
      await journal.step("a", () => count("a"));
      await journal.sleep("pause", HOUR_MS);
      await journal.step("wait", () => others.promise);
      for (const name of ["b", "c", "d"])
        await journal.step(name, () => count(name));
      return runs;
    };
    let refusals = 0;
    const told = (error: unknown) => {
      refusals += 1;
      if (refusals === 19) others.resolve();
      throw error;
    };
    const first = await open();
    await rejection(program(first));
    await first.suspend();
    clock.time += HOUR_MS;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, async () => {
        const journal = await open(first.runId).catch(told);
        await journal.complete(await program(journal));
      }),
    );
    expect(runs).toEqual({ a: 1, b: 1, c: 1, d: 1 });
    const refused = outcomes.flatMap((one) =>
      one.status === "rejected" ? [one.reason] : [],
    );
    expect(refused).toHaveLength(19);
    for (const error of refused) {
      expect(error).toBeInstanceOf(StepInProgressError);
      expect(error).toMatchObject({
        statusCode: 409,
        runId: first.runId,
        headers: { "retry-after": expect.stringMatching(/^\d+$/) },
      });
    }
    const { finished } = await open(first.runId);
    expect(finished).toEqual({ result: runs });
  });

  test("is taken over when its holder stalls, and what that one does late is discarded", async () => {
    const { clock, open } = clocked(storeOf);
    const slow = work();
    const stale = await open();
    await stale.step("a", async () => "a");
    const late = rejection(stale.step("b", slow.run));
    await slow.begun;
    clock.time += 2 * MINUTE_MS;
    const next = await open(stale.runId);
    expect(await next.step("a", async () => "again")).toBe("a");
    expect(await next.step("b", async () => "next")).toBe("next");
    slow.end("stale");
    expect(await late).toBeInstanceOf(StepInProgressError);
    let begun = 0;
    const third = await rejection(
      stale.step("c", async () => {
        begun += 1;
      }),
    );
    expect(third).toBeInstanceOf(StepInProgressError);
    expect(begun).toBe(0);
    for (const end of [
      () => stale.complete("stale"),
      () => stale.fail(new Error("stale")),
      () => stale.suspend(new Suspended(stale.runId, {})),
    ])
      expect(await rejection(end())).toBeInstanceOf(StepInProgressError);
    await next.complete("next");
    expect((await open(stale.runId)).finished).toEqual({ result: "next" });
  });

  test("that was taken over begins no other step in its first holder", async () => {
    const { clock, open } = clocked(storeOf);
    const { runs, count } = counter();
    const stale = await open();
    await stale.step("a", () => count("a"));
    clock.time += 2 * MINUTE_MS;
    const next = await open(stale.runId);
    const error = await rejection(stale.step("b", () => count("b")));
    expect(error).toBeInstanceOf(StepInProgressError);
    expect(runs).toEqual({ a: 1 });
    await next.leave();
  });

  test("goes on in a holder that was paused, when nobody has taken it", async () => {
    const { clock, open } = clocked(storeOf);
    const journal = await open();
    await journal.step("a", async () => 1);
    clock.time += 2 * MINUTE_MS;
    expect(await journal.step("b", async () => 2)).toBe(2);
    await journal.complete("done");
  });

  test("uses what a stalled holder has recorded meanwhile", async () => {
    const { clock, open } = clocked(storeOf);
    const { runs, count } = counter();
    const slow = work();
    const stale = await open();
    const late = stale.step("a", async () => {
      await count("a");
      return slow.run();
    });
    await slow.begun;
    clock.time += 2 * MINUTE_MS;
    const next = await open(stale.runId);
    slow.end("recorded");
    expect(await late).toBe("recorded");
    expect(await next.step("a", () => count("a"))).toBe("recorded");
    expect(runs).toEqual({ a: 1 });
    await next.leave();
    await forget(stale);
  });

  test("fails a step that has killed its process each time, and goes on from there", async () => {
    const { clock, store, open } = clocked(storeOf);
    const first = await open();
    const { runId } = first;
    const killed: CheckpointJournal[] = [];
    const works: ReturnType<typeof work>[] = [];
    for (let start = 1; start <= 3; start++) {
      const journal = start === 1 ? first : await open(runId);
      const big = work();
      killed.push(journal);
      works.push(big);
      void journal.step("big", big.run).catch(() => {});
      await big.begun;
      clock.time += 2 * MINUTE_MS;
    }
    const journal = await open(runId);
    const error = await rejection(journal.step("big", async () => "never"));
    expect(error).toBeInstanceOf(StepFailure);
    expect(error).toMatchObject({ code: "STEP_NEVER_ENDED", step: "big" });
    expect(await journal.step("small", async () => 1)).toBe(1);
    await journal.complete("done");
    const { steps } = await describeRun({ store, runId });
    expect(steps).toMatchObject([
      { name: "big", state: "failed", starts: 4 },
      { name: "small", state: "done", starts: 1 },
    ]);
    for (const { end } of works) end("late");
    await Promise.all(killed.map(forget));
  });

  test("fails a step after as many starts as were asked for", async () => {
    const { clock, open } = clocked(storeOf);
    const first = await open();
    const big = work();
    void first.step("big", big.run).catch(() => {});
    await big.begun;
    clock.time += 2 * MINUTE_MS;
    const journal = await open(first.runId, { maxStarts: 1 });
    expect(await rejection(journal.step("big", async () => 1))).toMatchObject({
      code: "STEP_NEVER_ENDED",
    });
    await journal.leave();
    big.end("late");
    await forget(first);
  });

  test("is kept from its beginning on: no record of it lives longer than another", async () => {
    const { clock, open } = clocked(storeOf);
    const options = { ttlHours: 1 };
    const first = await open(undefined, options);
    await first.step("a", async () => 1);
    await rejection(first.sleep("pause", 40 * MINUTE_MS));
    await first.suspend();
    clock.time += 50 * MINUTE_MS;
    const second = await open(first.runId, options);
    await second.step("a", async () => 2);
    await second.sleep("pause", 40 * MINUTE_MS);
    await second.step("b", async () => 3);
    await second.leave();
    clock.time += 11 * MINUTE_MS;
    expect(await rejection(open(first.runId, options))).toMatchObject({
      code: "RUN_NOT_FOUND",
    });
  });

  test("is begun anew under the id of one that has expired, as often as that may be", async () => {
    const { clock, open } = clocked(storeOf);
    for (let round = 1; round <= 5; round++) {
      const journal = await open("again", { ttlHours: 1, begin: true });
      expect(await journal.step("a", async () => round)).toBe(round);
      await journal.complete(round);
      clock.time += HOUR_MS;
    }
  });

  test("can be kept for ever", async () => {
    const { clock, open } = clocked(storeOf);
    const first = await open(undefined, { ttlHours: Infinity });
    await first.step("a", async () => 1);
    await first.leave();
    clock.time += 50 * 365 * 24 * HOUR_MS;
    const next = await open(first.runId, { ttlHours: Infinity });
    expect(await next.step("a", async () => 2)).toBe(1);
    await next.complete(undefined);
  });

  test("that somebody else has ended while it was read is ended", async () => {
    const { store, open } = clocked(storeOf);
    const first = await open();
    await first.step("a", async () => 1);
    await first.leave();
    const between = async () => {
      const other = await open(first.runId);
      await other.step("a", async () => 2);
      await other.complete("by the other");
    };
    const raced = await checkpointJournal(
      interrupted(store, between),
      first.runId,
    );
    expect(raced.finished).toEqual({ result: "by the other" });
    expect(await rejection(raced.step("a", async () => 3))).toMatchObject({
      name: "ConfigurationError",
      message:
        "The run has ended, and its result is recorded: it takes no other steps.",
    });
  });

  test("that somebody else has led on while it was read goes on from there", async () => {
    const { store, open } = clocked(storeOf);
    const first = await open();
    await first.step("a", async () => 1);
    await first.leave();
    const between = async () => {
      const other = await open(first.runId);
      await other.step("a", async () => 2);
      await other.step("b", async () => 2);
      await other.leave();
    };
    const raced = await checkpointJournal(
      interrupted(store, between),
      first.runId,
    );
    expect(await raced.step("a", async () => 3)).toBe(1);
    expect(await rejection(raced.step("other", async () => 3))).toMatchObject({
      name: "JournalMismatchError",
      recorded: 'step "b"',
    });
    await raced.leave();
  });

  test("puts a step off that has no time left, and counts its start", async () => {
    const { store, open } = clocked(storeOf);
    let leftMs = 2_001;
    const first = await open(undefined, { remainingMs: () => leftMs });
    const error = await rejection(
      first.step("long", () => new Promise(() => {})),
    );
    expect(error).toBeInstanceOf(Suspended);
    leftMs = 0;
    await first.suspend();
    const { runId } = first;
    expect(await describeRun({ store, runId })).toMatchObject({
      state: "suspended",
      steps: [{ name: "long", state: "waiting", starts: 1 }],
    });
    leftMs = MINUTE_MS;
    const next = await open(runId, { remainingMs: () => leftMs });
    expect(await next.step("long", async () => "in time")).toBe("in time");
    await next.complete("done");
  });

  test("ends when its signal aborts, and can be resumed", async () => {
    const { open } = clocked(storeOf);
    const controller = new AbortController();
    const first = await open(undefined, { signal: controller.signal });
    await first.step("a", async () => 1);
    const slow = work();
    const failed = rejection(first.step("b", slow.run));
    await slow.begun;
    const reason = new Error("stop");
    controller.abort(reason);
    expect(await failed).toBe(reason);
    await first.fail(reason);
    const next = await open(first.runId);
    expect(await next.step("a", async () => 2)).toBe(1);
    expect(await next.step("b", async () => 2)).toBe(2);
    await next.leave();
  });

  test("takes results up to the limit of the store, and fails a step with more, once and for all", async () => {
    const { open } = clocked(storeOf);
    const { runs, count } = counter();
    const first = await open();
    const large = "x".repeat(300_000);
    const options = { maxBytes: 20_000_000 };
    expect(await first.step("large", async () => large, options)).toBe(large);
    const step = (journal: CheckpointJournal, text: string, name: string) =>
      rejection(
        journal.step(
          name,
          async () => {
            await count(name);
            return text;
          },
          name === "default" ? {} : options,
        ),
      );
    const tooLarge = { code: "RESULT_TOO_LARGE" };
    expect(await step(first, large, "default")).toMatchObject(tooLarge);
    const most = "x".repeat(9_000_000);
    expect(await step(first, most, "most")).toMatchObject(tooLarge);
    await first.leave();
    const next = await open(first.runId);
    expect(await next.step("large", async () => "")).toBe(large);
    expect(await step(next, large, "default")).toMatchObject(tooLarge);
    expect(await step(next, most, "most")).toMatchObject(tooLarge);
    expect(runs).toEqual({ default: 1, most: 1 });
    await next.leave();
  });

  test("is not found under an id that none has", async () => {
    const { open } = clocked(storeOf);
    for (const runId of ["a b", "wrong", ""])
      expect(await rejection(open(runId))).toMatchObject({
        code: "RUN_NOT_FOUND",
      });
  });

  test("has the limit of results that was asked for", async () => {
    const { open } = clocked(storeOf);
    const journal = await open(undefined, { maxResultBytes: 10 });
    expect(await journal.step("small", async () => "12345678")).toBe(
      "12345678",
    );
    expect(
      await rejection(journal.step("large", async () => "123456789")),
    ).toMatchObject({ code: "RESULT_TOO_LARGE" });
    await journal.leave();
  });

  test("does not end well when its program has swallowed that it waits", async () => {
    const { open } = clocked(storeOf);
    const journal = await open();
    await rejection(journal.sleep("pause", HOUR_MS));
    expect(await rejection(journal.complete("done"))).toBeInstanceOf(Suspended);
    await journal.suspend();
  });

  test("does not wait for the claim of a step that nobody has ended: it says when to come back", async () => {
    const { clock, store, open } = clocked(storeOf);
    const journal = await open();
    await journal.step("a", async () => 1);
    const partition = `default/${journal.runId}`;
    await store.steps.claim(
      { runId: partition, step: "000002" },
      { owner: "stale", leaseMs: 1 },
    );
    const error = await rejection(journal.step("b", async () => 2));
    expect(error).toBeInstanceOf(StepInProgressError);
    expect(error).toMatchObject({ step: "000002" });
    await journal.fail(error);
    clock.time = Object(error).expiresAt + 1;
    const next = await open(journal.runId);
    expect(await next.step("a", async () => 2)).toBe(1);
    expect(await next.step("b", async () => 2)).toBe(2);
    await next.leave();
  });

  test("whose process was killed says when somebody else gets it", async () => {
    const { clock, open } = clocked(storeOf);
    const killed = await open();
    await killed.step("a", async () => 1);
    const { runId } = killed;
    const error = await rejection(open(runId));
    clock.time = Object(error).expiresAt - 1;
    expect(await rejection(open(runId))).toMatchObject({
      code: "STEP_IN_PROGRESS",
      expiresAt: Object(error).expiresAt,
    });
    clock.time += 1;
    const next = await open(runId);
    await next.leave();
    await forget(killed);
  });

  test("takes a result that is nested as deep as results may be", async () => {
    const { open } = clocked(storeOf);
    const nested = (levels: number) => {
      let value: unknown = [];
      for (let level = 1; level < levels; level++) value = [value];
      return value;
    };
    const journal = await open();
    for (let levels = 995; levels <= 1_010; levels++) {
      const outcome = await journal
        .step(`${levels}`, async () => nested(levels))
        .then(
          () => "taken",
          (error: StepFailure) => error.code,
        );
      expect([levels, outcome]).toEqual([
        levels,
        levels <= 1_000 ? "taken" : "RESULT_NOT_JSON",
      ]);
    }
    await journal.leave();
  });
});

/** Lets something happen between the first reading of a run and the claim. */
function interrupted(
  { steps }: StepStores,
  between: () => Promise<void>,
): StepStores {
  let isFirst = true;
  return {
    steps: new Proxy(steps, {
      get(target, name) {
        if (name !== "list") return Reflect.get(target, name).bind(target);
        return async (runId: string) => {
          const records = await target.list(runId);
          if (isFirst) {
            isFirst = false;
            await between();
          }
          return records;
        };
      },
    }),
  };
}

describe("The lease of a run", () => {
  const THIRTY_SECONDS = { leaseMs: 30_000 };

  async function begun() {
    jest.useFakeTimers();
    const store = memoryStores();
    const journal = await checkpointJournal(store, undefined, THIRTY_SECONDS);
    await journal.step("a", async () => 1);
    const { steps } = store;
    const renewals: boolean[] = [];
    const renew = steps.renew.bind(steps);
    steps.renew = async (...given) => {
      const isHeld = await renew(...given);
      renewals.push(isHeld);
      return isHeld;
    };
    return { store, journal, renewals, steps };
  }
  const open = (store: StepStores, runId: string) =>
    checkpointJournal(store, runId, THIRTY_SECONDS);

  test("is renewed as long as the run goes on, and not afterwards", async () => {
    const { store, journal, renewals } = await begun();
    const slow = work();
    const step = journal.step("b", slow.run);
    await jest.advanceTimersByTimeAsync(65_000);
    expect(renewals).toEqual([true, true, true, true, true, true]);
    expect(await rejection(open(store, journal.runId))).toMatchObject({
      code: "STEP_IN_PROGRESS",
      retryAfterMs: 25_000,
    });
    slow.end("done");
    await step;
    await journal.complete("done");
    await jest.advanceTimersByTimeAsync(65_000);
    expect(renewals).toHaveLength(6);
    jest.useRealTimers();
  });

  test("is renewed a while later when the store fails", async () => {
    const { store, journal, steps, renewals } = await begun();
    const { renew } = steps;
    steps.renew = async () => {
      throw new StoreError("down", {
        reason: "unavailable",
        operation: "renew",
      });
    };
    await jest.advanceTimersByTimeAsync(10_000);
    steps.renew = renew;
    await jest.advanceTimersByTimeAsync(15_000);
    expect(renewals).toEqual([true]);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await rejection(open(store, journal.runId))).toMatchObject({
      code: "STEP_IN_PROGRESS",
    });
    await journal.leave();
    jest.useRealTimers();
  });

  test("that somebody else has got ends what runs", async () => {
    const { store, journal, steps } = await begun();
    const aborted: unknown[] = [];
    const step = rejection(
      journal.step("b", ({ signal }) => {
        signal.addEventListener("abort", () => aborted.push(signal.reason));
        return new Promise(() => {});
      }),
    );
    steps.renew = async () => false;
    await jest.advanceTimersByTimeAsync(10_000);
    const error = await step;
    expect(error).toBeInstanceOf(StepInProgressError);
    expect(aborted).toEqual([error]);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(await rejection(journal.complete("late"))).toBe(error);
    const next = await open(store, journal.runId);
    await next.leave();
    jest.useRealTimers();
  });

  test("ends soon after the invocation's kill", async () => {
    jest.useFakeTimers();
    const store = memoryStores();
    const end = Date.now() + 10_000;
    const journal = await checkpointJournal(store, undefined, {
      remainingMs: () => end - Date.now(),
    });
    await journal.step("a", async () => 1);
    await jest.advanceTimersByTimeAsync(9_999);
    const error = await rejection(checkpointJournal(store, journal.runId));
    expect(Object(error).expiresAt).toBeLessThanOrEqual(end + 1_000);
    await journal.leave();
    jest.useRealTimers();
  });

  test("whose renewal is answered after the end is none", async () => {
    const { journal, steps } = await begun();
    const answer = Promise.withResolvers<boolean>();
    steps.renew = () => answer.promise;
    await jest.advanceTimersByTimeAsync(10_000);
    await journal.complete("done");
    answer.resolve(false);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(journal.begun).toBe(true);
    jest.useRealTimers();
  });
});

describe("A run in DynamoDB", () => {
  test("costs nothing before its first step, then two writes a step, one for its beginning and one for its end", async () => {
    const client = plainClient(table.clientConfig);
    const requests = recordRequests(client);
    const store = tableStore(() => Date.now(), client);
    const journal = await checkpointJournal(store);
    expect(requests).toEqual([]);
    for (const name of ["a", "b", "c"]) await journal.step(name, async () => 1);
    await journal.complete("done");
    expect(requests.map(({ action }) => action)).toEqual(
      Array.from({ length: 1 + 2 * 3 + 1 }, () => "UpdateItem"),
    );
    requests.length = 0;
    await checkpointJournal(store, journal.runId);
    expect(requests.map(({ action }) => action)).toEqual(["Query"]);
  });

  test("loses and doubles nothing when replies are lost", async () => {
    const client = injectFaults(
      plainClient(table.clientConfig),
      seeded(20_261_128),
      { lostReplies: 0.2, lostRequests: 0.1, throttled: 0.1 },
    );
    const store = tableStore(() => Date.now(), client);
    const { runs, count } = counter();
    const names = Array.from({ length: 20 }, (_, index) => `step ${index}`);
    const program = async (journal: CheckpointJournal) => {
      const results: string[] = [];
      for (const name of names)
        results.push(await journal.step(name, () => count(name)));
      return results;
    };
    const first = await checkpointJournal(store);
    const result = await program(first);
    await first.leave();
    const next = await checkpointJournal(store, first.runId);
    expect(await program(next)).toEqual(result);
    await next.complete(result);
    expect(Object.values(runs)).toEqual(names.map(() => 1));
    const { steps } = await describeRun({ store, runId: first.runId });
    expect(steps.map(({ starts }) => starts)).toEqual(names.map(() => 1));
  });
});
