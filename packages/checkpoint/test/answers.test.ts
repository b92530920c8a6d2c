import { beforeEach, describe, expect, test } from "@jest/globals";
import {
  AnswerConflictError,
  type CheckpointJournal,
  checkpointJournal,
  describeRun,
  listRuns,
  listSuspended,
  RunNotFoundError,
  type StepStores,
  submitAnswer,
  UnknownTokenError,
} from "@lambdallm/checkpoint";
import type { Journal, Suspended } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import { printed } from "../../../test-support/quiet.ts";
import { rejection } from "./support.ts";

const HOUR_MS = 3_600_000;

let time = 0;
let store: StepStores;
beforeEach(() => {
  time = Date.now();
  store = memoryStores({ now: () => time });
});

/** Runs a program until it is suspended or ends. */
async function runOf(
  program: (journal: Journal) => Promise<unknown>,
  runId?: string,
  tenantId?: string,
): Promise<{
  readonly journal: CheckpointJournal;
  readonly result?: unknown;
  readonly suspended?: Suspended;
}> {
  const journal = await checkpointJournal(store, runId, { tenantId });
  try {
    const result = await program(journal);
    await journal.complete(result);
    return { journal, result };
  } catch (error) {
    if (!journal.suspended) {
      await journal.fail(error);
      return { journal };
    }
    return { journal, suspended: await journal.suspend() };
  }
}

const approval = (journal: Journal) => journal.ask("approve", async () => {});

async function asked(tenantId?: string) {
  const { journal, suspended } = await runOf(approval, undefined, tenantId);
  const token = String(suspended?.waitingFor[0]?.token);
  return { runId: journal.runId, token };
}

describe("A run with more questions than a list has room for", () => {
  test("is suspended and listed all the same", async () => {
    const names = Array.from({ length: 400 }, (_, index) =>
      `${index} `.padEnd(200, "?"),
    );
    const { suspended } = await runOf((journal) =>
      journal.all(
        "questions",
        names.map((name) => (branch) => branch.ask(name, async () => {})),
      ),
    );
    expect(suspended?.waitingFor).toHaveLength(400);
    const { runs } = await listSuspended({ store });
    expect(runs).toMatchObject([{ waitingFor: names.slice(0, 50) }]);
  });
});

describe("An answer", () => {
  test("is what the question returns when the run is resumed", async () => {
    const { runId, token } = await asked();
    const answer = { by: "Ann", file: new Uint8Array([1]) };
    expect(await submitAnswer({ store, token, answer })).toEqual({ runId });
    expect((await runOf(approval, runId)).result).toEqual(answer);
  });

  test("may be given again, and another one is refused", async () => {
    const { runId, token } = await asked();
    await submitAnswer({ store, token, answer: { ok: true, by: "Ann" } });
    await submitAnswer({ store, token, answer: { by: "Ann", ok: true } });
    const error = await rejection(
      submitAnswer({ store, token, answer: { ok: false, by: "Ann" } }),
    );
    expect(error).toBeInstanceOf(AnswerConflictError);
    expect(error).toMatchObject({
      statusCode: 409,
      code: "ANSWER_CONFLICT",
      message: "The question was answered before, and with another answer.",
    });
    expect((await runOf(approval, runId)).result).toMatchObject({ ok: true });
  });

  test("of many at the same time is one of them", async () => {
    const { runId, token } = await asked();
    const answers = Array.from({ length: 20 }, (_, index) => index);
    const outcomes = await Promise.allSettled(
      answers.map(async (answer) => {
        await submitAnswer({ store, token, answer });
        return answer;
      }),
    );
    const won = outcomes.flatMap((one) =>
      one.status === "fulfilled" ? [one.value] : [],
    );
    expect(won).toHaveLength(1);
    expect((await runOf(approval, runId)).result).toBe(won[0]);
  });

  test("without a value is one", async () => {
    const { runId, token } = await asked();
    await submitAnswer({ store, token, answer: undefined });
    expect((await runOf(approval, runId)).result).toBe(undefined);
  });

  test("that was forgotten is a mistake, and the question stays open", async () => {
    const { runId, token } = await asked();
    const forgotten = { store, token } as Parameters<typeof submitAnswer>[0];
    await expect(submitAnswer(forgotten)).rejects.toThrow(
      'submitAnswer: the option "answer" is missing: give JSON, or undefined for none.',
    );
    await submitAnswer({ store, token, answer: "yes" });
    expect((await runOf(approval, runId)).result).toBe("yes");
  });

  test("that comes while the run is still going on is seen before it is suspended", async () => {
    const { result } = await runOf((journal) =>
      journal.ask("approve", async (token) => {
        await submitAnswer({ store, token, answer: "at once" });
      }),
    );
    expect(result).toBe("at once");
  });

  test("without a value is seen before the run is suspended, too", async () => {
    const { result } = await runOf(async (journal) => [
      await journal.ask("approve", async (token) => {
        await submitAnswer({ store, token, answer: undefined });
      }),
      "answered",
    ]);
    expect(result).toEqual([undefined, "answered"]);
  });

  test("that comes after the time of the question is refused", async () => {
    const { suspended, journal } = await runOf(async (current) => {
      await current
        .ask("quick", async () => {}, { timeoutMs: 0 })
        .catch(() => "late");
      return current.ask("slow", async () => {});
    });
    const { runId } = journal;
    expect(suspended?.waitingFor).toHaveLength(1);
    const quick = await store.steps.find({
      runId: `default/${runId}`,
      step: "000001",
    });
    const { token } = Object(Object(quick).output);
    const error = await rejection(submitAnswer({ store, token, answer: 1 }));
    expect(error).toBeInstanceOf(AnswerConflictError);
    expect(String(error)).toContain("The answer comes too late");
  });

  test("has a token that belongs to its tenant: all others are as unknown as a wrong one", async () => {
    const { runId, token } = await asked("acme");
    const wrong = token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
    const errors = await Promise.all(
      [
        { token: "", tenantId: "acme" },
        { token: "a.b.c", tenantId: "acme" },
        { token: wrong, tenantId: "acme" },
        { token: token.replace("000001", "000002"), tenantId: "acme" },
        { token: token.replace(runId, "other"), tenantId: "acme" },
        { token, tenantId: "evil" },
        { token },
      ].map((given) =>
        rejection(submitAnswer({ store, ...given, answer: true })),
      ),
    );
    for (const error of errors) {
      expect(error).toBeInstanceOf(UnknownTokenError);
      expect(error).toEqual(errors[0]);
      expect(error).toMatchObject({ statusCode: 404, code: "UNKNOWN_TOKEN" });
    }
    await submitAnswer({ store, token, tenantId: "acme", answer: true });
  });

  test("must have JSON, and not too much of it", async () => {
    const { token } = await asked();
    expect(
      await rejection(submitAnswer({ store, token, answer: 1n })),
    ).toMatchObject({ name: "ConfigurationError" });
    const answer = "x".repeat(9_000_000);
    expect(
      await rejection(submitAnswer({ store, token, answer })),
    ).toMatchObject({ name: "StoreError", statusCode: 413 });
  });

  test("that another process is just giving is to be given again later", async () => {
    const { runId, token } = await asked();
    await store.steps.claim(
      { runId: `default/${runId}`, step: "000001!" },
      { owner: "other", leaseMs: HOUR_MS },
    );
    expect(
      await rejection(submitAnswer({ store, token, answer: 1 })),
    ).toMatchObject({ name: "StepInProgressError", runId });
  });

  test("is not lost when somebody else gives the same one in between", async () => {
    const { runId, token } = await asked();
    const { steps } = store;
    let isFirst = true;
    const slow = new Proxy(steps, {
      get: (target, name) =>
        name === "commit" && isFirst
          ? async () => {
              isFirst = false;
              time += 2;
              await submitAnswer({ store, token, answer: "yes" });
              return false;
            }
          : Reflect.get(target, name).bind(target),
    });
    await submitAnswer({ store: { steps: slow }, token, answer: "yes" });
    expect((await runOf(approval, runId)).result).toBe("yes");
  });
});

describe("The list of the runs that wait", () => {
  test("has those of one tenant, page by page", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index++)
      ids.push((await asked("acme")).runId);
    await asked("other");
    ids.sort();
    const first = await listSuspended({ store, tenantId: "acme", limit: 3 });
    expect(first.runs.map(({ runId }) => runId)).toEqual(ids.slice(0, 3));
    const after = String(first.next);
    const second = await listSuspended({ store, tenantId: "acme", after });
    expect(second.runs.map(({ runId }) => runId)).toEqual(ids.slice(3));
    expect(second.next).toBe(undefined);
    expect(second.runs[0]).toEqual({
      runId: ids[3],
      suspendedAt: expect.any(Number),
      waitingFor: ["approve"],
    });
  });

  test("has a run once, with what it waits for now, and no more when it has ended", async () => {
    const program = async (journal: Journal) => {
      await approval(journal);
      await journal.ask("sign", async () => {});
    };
    const { journal, suspended } = await runOf(program);
    const { runId } = journal;
    const token = String(suspended?.waitingFor[0]?.token);
    await submitAnswer({ store, token, answer: true });
    const next = await runOf(program, runId);
    expect((await listSuspended({ store })).runs).toMatchObject([
      { runId, waitingFor: ["sign"] },
    ]);
    const sign = String(next.suspended?.waitingFor[0]?.token);
    await submitAnswer({ store, token: sign, answer: true });
    await runOf(program, runId);
    expect(await listSuspended({ store })).toEqual({ runs: [] });
  });

  test("tells the state that each of them has at the moment", async () => {
    const sleeping = await runOf((journal) => journal.sleep("long", HOUR_MS));
    const running = await asked();
    const failed = await asked();
    const killed = await asked();
    const done = await asked();
    const journal = await checkpointJournal(store, running.runId);
    await (await checkpointJournal(store, failed.runId)).fail(new Error("no"));
    // Nobody ends it, and its lease was over long ago.
    time -= HOUR_MS;
    await store.steps.claim(
      { runId: `default/${killed.runId}`, step: "run" },
      { owner: "killed", leaseMs: 1 },
    );
    time += HOUR_MS;
    const { steps } = store;
    const delist = steps.delist.bind(steps);
    steps.delist = async () => {
      throw new Error("unavailable");
    };
    await submitAnswer({ store, token: done.token, answer: 1 });
    await runOf(approval, done.runId);
    expect(printed()).toEqual([
      expect.stringContaining("is still in the list of those that wait"),
    ]);
    steps.delist = delist;
    const { runs } = await listRuns({ store, limit: 100 });
    const states = new Map(runs.map(({ runId, state }) => [runId, state]));
    expect(states).toEqual(
      new Map(
        [
          [sleeping.journal.runId, "suspended"],
          [running.runId, "running"],
          [failed.runId, "failed"],
          [killed.runId, "interrupted"],
          [done.runId, "done"],
        ].sort() as [string, "done"][],
      ),
    );
    await journal.leave();
  });
});

test("A run that is listed and has no record any more is done", async () => {
  await store.steps.enlist("suspended/default", {
    id: "gone",
    value: { suspendedAt: 0, waitingFor: [] },
  });
  const { runs } = await listRuns({ store });
  expect(runs).toMatchObject([{ runId: "gone", state: "done" }]);
});

describe("A description of a run", () => {
  test("tells its steps, their states, starts and costs, and no outputs", async () => {
    const { journal, suspended } = await runOf(async (current) => {
      await current.step("outline", async () => "secret");
      await current
        .step("bad", async () => {
          throw new RangeError("too far");
        })
        .catch(() => {});
      await current.sleep("short", 0);
      await current.all("parts", [
        (branch) => branch.step("part", async () => "p"),
      ]);
      await Promise.all([
        current.step("later", async () => Promise.reject(new Error("again")), {
          retry: () => ({ delayMs: HOUR_MS }),
        }),
        approval(current),
        current.sleep("pause", HOUR_MS),
      ]);
    });
    const { runId } = journal;
    const described = await describeRun({ store, runId });
    expect(described).toEqual({
      runId,
      state: "suspended",
      resumeAt: expect.any(Number),
      waitingFor: ["approve"],
      starts: 1,
      costUsd: 0,
      steps: [
        step("000001", "step", "outline", { state: "done" }),
        step("000002", "step", "bad", {
          state: "failed",
          failure: { code: "RangeError", message: "too far" },
        }),
        step("000003", "sleep", "short", { state: "done" }),
        step("000004.000001.000001", "step", "part", { state: "done" }),
        step("000005", "step", "later", {
          state: "waiting",
          resumeAt: expect.any(Number),
        }),
        step("000006", "ask", "approve", { state: "waiting" }),
        step("000007", "sleep", "pause", {
          state: "waiting",
          resumeAt: expect.any(Number),
        }),
      ],
    });
    expect(JSON.stringify(described)).not.toContain(
      suspended?.waitingFor[0]?.token,
    );
  });

  test("tells results, answers and the result of the run when they are asked for", async () => {
    const program = async (journal: Journal) => {
      await journal.step("nothing", async () => undefined);
      return [
        await journal.step("a", async () => ({ text: "t" })),
        await approval(journal),
      ];
    };
    const { journal, suspended } = await runOf(program);
    const { runId } = journal;
    const token = String(suspended?.waitingFor[0]?.token);
    await submitAnswer({ store, token, answer: "yes" });
    await runOf(program, runId);
    expect(await describeRun({ store, runId, outputs: true })).toEqual({
      runId,
      state: "done",
      starts: 2,
      costUsd: 0,
      waitingFor: [],
      result: [{ text: "t" }, "yes"],
      steps: [
        step("000001", "step", "nothing", { state: "done" }),
        step("000002", "step", "a", { state: "done", output: { text: "t" } }),
        step("000003", "ask", "approve", { state: "done", output: "yes" }),
      ],
    });
  });

  test("tells why a run has failed", async () => {
    const { journal } = await runOf(async (current) => {
      await current.step("a", async () => 1);
      throw Object.assign(new Error("no more"), { code: "OWN" });
    });
    const { runId } = journal;
    expect(await describeRun({ store, runId })).toMatchObject({
      state: "failed",
      failure: { code: "OWN", message: "no more" },
    });
  });

  test("tells what is running, and what was when its process was killed", async () => {
    const journal = await checkpointJournal(store, undefined, { leaseMs: 50 });
    const { runId } = journal;
    const { promise, resolve } = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const running = journal.step("long", async () => {
      started.resolve();
      await promise;
    });
    await started.promise;
    const described = await describeRun({ store, runId });
    expect(described).toMatchObject({
      state: "running",
      steps: [{ position: "000001", state: "running", starts: 1 }],
    });
    resolve();
    await running;
    await journal.leave();
    await store.steps.claim(
      { runId: `default/${runId}`, step: "000002" },
      { owner: "killed", leaseMs: 1 },
    );
    expect(await describeRun({ store, runId })).toMatchObject({
      state: "interrupted",
      steps: [{ state: "done" }, { state: "interrupted" }],
    });
  });

  test("counts an attempt that was put off together with the ones before it", async () => {
    const now = () => time;
    let attempts = 0;
    const program = (journal: Journal) =>
      journal.step(
        "often",
        async () => {
          attempts += 1;
          if (attempts < 12) throw new Error("again");
          return attempts;
        },
        { retry: () => ({ delayMs: HOUR_MS }) },
      );
    let runId: string | undefined;
    for (let round = 0; round < 12; round++) {
      const journal = await checkpointJournal(store, runId, { now });
      runId = journal.runId;
      await program(journal).catch(() => journal.suspend());
      if (!journal.suspended) await journal.complete(attempts);
      time += HOUR_MS;
    }
    expect(
      await describeRun({ store, runId: String(runId), outputs: true }),
    ).toMatchObject({
      result: 12,
      steps: [{ position: "000001", state: "done", starts: 12, output: 12 }],
    });
  });

  test("is refused for a run that is not there, as for another tenant's", async () => {
    const { runId } = await asked("acme");
    const errors = await Promise.all(
      [{ runId }, { runId: "a b" }, { runId: "wrong" }].map((given) =>
        rejection(describeRun({ store, ...given })),
      ),
    );
    for (const error of errors) {
      expect(error).toBeInstanceOf(RunNotFoundError);
      expect(error).toEqual(errors[0]);
    }
  });
});

function step(
  position: string,
  kind: string,
  name: string,
  more: object,
): object {
  return { position, kind, name, costUsd: 0, starts: 1, ...more };
}
