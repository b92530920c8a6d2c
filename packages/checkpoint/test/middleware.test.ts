import { describe, expect, test } from "@jest/globals";
import {
  checkpoint,
  describeRun,
  listSuspended,
  RunNotFoundError,
  type SuspendedRun,
} from "@lambdallm/checkpoint";
import {
  JournalMismatchError,
  StepFailure,
  StepInProgressError,
  Suspended,
} from "@lambdallm/core";
import { invocationOf, providerMiddleware } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import httpErrorHandler from "@middy/http-error-handler";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import {
  type Answer,
  counter,
  functionOf,
  type Handler,
  type InvokeOptions,
  rejection,
  suspendedIn,
} from "./support.ts";

const HOUR_MS = 3_600_000;
const NOON = Date.UTC(2026, 10, 28, 12);

/** A function over a store in memory, whose clock the test moves. */
function onStore(handler: Handler, options: InvokeOptions = {}) {
  const clock = { time: NOON };
  const now = () => clock.time;
  const store = memoryStores({ now });
  const invoke = functionOf(handler, {
    ...options,
    checkpoint: { store, now, ...options.checkpoint },
  });
  return { clock, store, invoke };
}

/** Runs a step, sleeps for an hour, and runs another one. */
function twoSteps() {
  const { runs, count } = counter();
  const handler: Handler = async ({ journal }) => {
    const first = await journal.step("first", () => count("first"));
    await journal.sleep("pause", HOUR_MS);
    return `${first}, ${await journal.step("second", () => count("second"))}`;
  };
  return { runs, handler };
}

describe.each(middyMajors)("On %s", (_name, middy) => {
  test("a run that has to wait answers with 202 and its id, and goes on where it was when the id comes back", async () => {
    const { runs, handler } = twoSteps();
    const { invoke, clock } = onStore(handler, { middy });
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
        resumeAt: NOON + HOUR_MS,
        waitingFor: [],
      }),
    });
    clock.time += HOUR_MS;
    expect(await invoke({ headers: { "X-Run-Id": runId } })).toBe(
      "first 1, second 1",
    );
    expect(runs).toEqual({ first: 1, second: 1 });
  });

  test("a run that has ended answers with its result, and its handler does not run", async () => {
    let handled = 0;
    const { invoke } = onStore(
      async ({ journal }) => {
        handled += 1;
        const body = await journal.step("a", async () => "text");
        return { statusCode: 200, headers: { "x-own": "1" }, body };
      },
      { middy },
    );
    const answer = (await invoke()) as Answer;
    expect(answer).toEqual({
      statusCode: 200,
      headers: { "x-own": "1", "x-run-id": expect.any(String) },
      body: "text",
    });
    const runId = answer.headers["x-run-id"];
    expect(await invoke({ runId })).toEqual(answer);
    expect(handled).toBe(1);
  });

  test("a run that ended without a result answers without one, too", async () => {
    const seen: string[] = [];
    const { invoke } = onStore(
      async ({ journal }) => {
        seen.push(journal.runId);
        await journal.step("a", async () => undefined);
      },
      { middy },
    );
    expect(await invoke()).toBe(undefined);
    expect(await invoke({ runId: seen[0] })).toBe(undefined);
    expect(seen).toHaveLength(1);
  });

  test("a handler that swallows the suspension is suspended all the same", async () => {
    const { runs, count } = counter();
    const { invoke } = onStore(
      async ({ journal }) => {
        try {
          await journal.sleep("pause", HOUR_MS);
        } catch {
          return "fallback";
        }
        return count("after");
      },
      { middy },
    );
    expect(suspendedIn(await invoke()).status).toBe("suspended");
    expect(runs).toEqual({});
  });

  test("also when it makes another error of it", async () => {
    const { invoke } = onStore(
      async ({ journal }) => {
        await journal.sleep("pause", HOUR_MS).catch((cause) => {
          throw new Error("wrapped", { cause });
        });
      },
      { middy },
    );
    expect(suspendedIn(await invoke()).status).toBe("suspended");
  });

  test("what a handler has started and not awaited is recorded before it is answered", async () => {
    const { runs, count } = counter();
    const { invoke } = onStore(
      async ({ journal }) => {
        void journal.step("a", () => count("a"));
        return { statusCode: 200 };
      },
      { middy },
    );
    const { headers } = (await invoke()) as Answer;
    await invoke({ headers });
    expect(runs).toEqual({ a: 1 });
  });

  test("onSuspend is told before the answer, with the tokens, which nobody else is told", async () => {
    const told: SuspendedRun[] = [];
    const { invoke, store } = onStore(
      async ({ journal }) => journal.ask("approve", async () => {}),
      {
        middy,
        checkpoint: {
          tenant: () => "acme",
          onSuspend: async (run) => {
            told.push(run);
          },
        },
      },
    );
    const answer = (await invoke()) as Answer;
    const { runId, waitingFor } = suspendedIn(answer);
    expect(waitingFor).toEqual(["approve"]);
    expect(answer.headers).not.toHaveProperty("retry-after");
    expect(told).toEqual([
      {
        runId,
        tenantId: "acme",
        waitingFor: [{ name: "approve", token: expect.any(String) }],
      },
    ]);
    const [token] = told[0]?.waitingFor.map((each) => each.token) ?? [];
    expect(answer.body).not.toContain(token);
    const { runs } = await listSuspended({ store, tenantId: "acme" });
    expect(runs).toEqual([
      { runId, suspendedAt: NOON, waitingFor: ["approve"] },
    ]);
  });

  test("when onSuspend fails, so does the invocation, once, and the run waits all the same", async () => {
    let calls = 0;
    const { runs, handler } = twoSteps();
    const { invoke, clock, store } = onStore(handler, {
      middy,
      checkpoint: {
        onSuspend: async () => {
          calls += 1;
          throw new Error("the queue is gone");
        },
      },
    });
    await expect(invoke()).rejects.toThrow("the queue is gone");
    expect(calls).toBe(1);
    const [run] = (await listSuspended({ store })).runs;
    clock.time += HOUR_MS;
    expect(await invoke({ runId: run?.runId })).toBe("first 1, second 1");
    expect(runs).toEqual({ first: 1, second: 1 });
    expect(await listSuspended({ store })).toEqual({ runs: [] });
  });

  test("an error of the handler goes on with the run's id, and the run can be resumed", async () => {
    const { runs, count } = counter();
    let isBroken = true;
    const { invoke } = onStore(
      async ({ journal }) => {
        await journal.step("a", () => count("a"));
        if (isBroken) throw new TypeError("a bug");
        return "fine";
      },
      { middy },
    );
    const error = await rejection(invoke());
    expect(error).toEqual(new TypeError("a bug"));
    expect(Object.keys(Object(error))).toEqual([]);
    isBroken = false;
    expect(await invoke({ runId: Object(error).runId })).toBe("fine");
    expect(runs).toEqual({ a: 1 });
  });

  test("the error handler of Middy answers with the run's id", async () => {
    const errorHandler = httpErrorHandler({ logger: () => {} });
    const { invoke } = onStore(
      async ({ journal }) => {
        await journal.step("a", async () => 1);
        throw Object.assign(new Error("no"), { statusCode: 422 });
      },
      {
        middy,
        outer: [
          {
            // Its types are those of Middy 7.
            onError: async (request) =>
              errorHandler.onError?.(request as never) as undefined,
          },
        ],
      },
    );
    expect(await invoke()).toEqual({
      statusCode: 422,
      headers: {
        "Content-Type": "text/plain",
        "x-run-id": expect.stringMatching(/^[\w-]{36}$/),
      },
      body: "no",
    });
  });

  test("an error of a later middleware frees the run, too", async () => {
    let isBroken = true;
    const { runs, count } = counter();
    const seen: string[] = [];
    const { invoke } = onStore(
      async ({ journal }) => {
        seen.push(journal.runId);
        return journal.step("a", () => count("a"));
      },
      {
        middy,
        inner: [
          {
            after: async () => {
              if (isBroken) throw new Error("broken");
            },
          },
        ],
      },
    );
    await expect(invoke()).rejects.toThrow("broken");
    isBroken = false;
    expect(await invoke({ runId: seen[0] })).toBe("a 1");
    expect(runs).toEqual({ a: 1 });
  });

  test("a run that has ended stays so when an earlier middleware fails afterwards, and the error has its id", async () => {
    let isBroken = true;
    const { runs, count } = counter();
    const { invoke } = onStore(
      async ({ journal }) => journal.step("a", () => count("a")),
      {
        middy,
        outer: [
          {
            after: async () => {
              if (isBroken) throw new Error("broken");
            },
          },
        ],
      },
    );
    const error = await rejection(invoke());
    expect(error).toEqual(new Error("broken"));
    isBroken = false;
    expect(await invoke({ runId: Object(error).runId })).toBe("a 1");
    expect(runs).toEqual({ a: 1 });
  });

  test("a resumed run is left as it was when a later middleware answers", async () => {
    let isAway = false;
    const { handler } = twoSteps();
    const { invoke, clock } = onStore(handler, {
      middy,
      inner: [
        {
          // What it returns is the answer.
          before: (async () =>
            isAway ? "away" : undefined) as () => Promise<void>,
        },
      ],
    });
    const { runId } = suspendedIn(await invoke());
    isAway = true;
    expect(await invoke({ runId })).toBe("away");
    isAway = false;
    clock.time += HOUR_MS;
    expect(await invoke({ runId })).toBe("first 1, second 1");
  });

  test("a run that waits is suspended, whatever a later middleware answers its suspension with", async () => {
    const runs: unknown[] = [];
    const { handler } = twoSteps();
    const { invoke, clock } = onStore(handler, {
      middy,
      checkpoint: { onSuspend: ({ runId }) => runs.push(runId) },
      inner: [
        {
          // What it returns is the answer, and skips the phases of all others.
          onError: (async (): Promise<unknown> =>
            "sorry") as () => Promise<void>,
        },
      ],
    });
    expect(await invoke()).toBe("sorry");
    expect(runs).toHaveLength(1);
    clock.time += HOUR_MS;
    const [runId] = runs;
    expect(await invoke({ runId })).toBe("first 1, second 1");
  });

  test("a nested chain with a provider of its own goes on in the journal of the outer one", async () => {
    const { runs, count } = counter();
    const seen: unknown[] = [];
    const { invoke } = onStore(
      async (context) => {
        const inner = middy<unknown, unknown, Error, typeof context>()
          .use({ ...new MockProvider().middleware() })
          .handler(async (_event, { journal }) => {
            seen.push(journal, invocationOf(context).journal);
            return journal.step("inner", () => count("inner"));
          });
        const nested = await inner({}, context);
        return [nested, await context.journal.step("b", () => count("b"))];
      },
      { middy },
    );
    expect(await invoke()).toEqual(["inner 1", "b 1"]);
    expect(new Set(seen).size).toBe(1);
    expect(runs).toEqual({ inner: 1, b: 1 });
  });

  test("a second checkpoint in one invocation is refused", async () => {
    const { invoke } = onStore(async () => "never", {
      middy,
      inner: [{ ...checkpoint() }],
    });
    await expect(invoke()).rejects.toThrow(
      "checkpoint: there is a journal in this invocation already: use checkpoint() once.",
    );
  });
});

describe("The run of an event", () => {
  test.each([
    ["by its header", (runId: string) => ({ headers: { "x-run-id": runId } })],
    ["in its parsed body", (runId: string) => ({ body: { runId } })],
    ["in its JSON", (runId: string) => ({ body: JSON.stringify({ runId }) })],
    [
      "in its JSON in base64",
      (runId: string) => ({
        isBase64Encoded: true,
        body: Buffer.from(JSON.stringify({ runId })).toString("base64"),
      }),
    ],
    ["by itself", (runId: string) => ({ runId })],
  ])("is found %s", async (_where, eventOf) => {
    const { runs, handler } = twoSteps();
    const { invoke, clock } = onStore(handler);
    const { runId } = suspendedIn(await invoke());
    clock.time += HOUR_MS;
    expect(await invoke(eventOf(runId))).toBe("first 1, second 1");
    expect(runs).toEqual({ first: 1, second: 1 });
  });

  test.each([[{}], [{ body: "not JSON" }], [{ body: null }], [undefined]])(
    "is a new one for %j",
    async (event) => {
      const { invoke } = onStore(async ({ journal }) =>
        journal.step("a", async () => "new"),
      );
      expect(await invoke(event)).toBe("new");
    },
  );

  test("is what a function of one's own says", async () => {
    const { handler } = twoSteps();
    const { invoke, clock } = onStore(handler, {
      checkpoint: { runId: (event) => event.Records?.[0].body },
    });
    const { runId } = suspendedIn(await invoke());
    clock.time += HOUR_MS;
    expect(await invoke({ Records: [{ body: runId }] })).toBe(
      "first 1, second 1",
    );
  });

  test.each([["a-b-c"], ["x".repeat(200)], ["a/b"], [""], [7], [{}]])(
    "is not found under %j, and nothing runs",
    async (runId) => {
      let handled = 0;
      const { invoke } = onStore(async () => {
        handled += 1;
      });
      const error = await rejection(invoke({ runId }));
      expect(error).toBeInstanceOf(RunNotFoundError);
      expect(error).toMatchObject({ statusCode: 404, code: "RUN_NOT_FOUND" });
      expect(handled).toBe(0);
    },
  );

  test("is as unknown to another tenant as a wrong id", async () => {
    const { handler } = twoSteps();
    const { invoke } = onStore(handler, {
      checkpoint: { tenant: (event) => event.tenant },
    });
    const { runId } = suspendedIn(await invoke({ tenant: "acme" }));
    const wrong = await rejection(invoke({ tenant: "acme", runId: "wrong" }));
    const others = await rejection(invoke({ tenant: "evil", runId }));
    expect(others).toEqual(wrong);
    expect(await rejection(invoke({ tenant: "acme/", runId }))).toEqual(wrong);
  });

  test("belongs to the tenant of Lambda's tenant isolation", async () => {
    const { handler } = twoSteps();
    const { invoke, store } = onStore(handler);
    const context = Object.assign(new MockLambdaContext(), { tenantId: "t1" });
    await invoke({}, context);
    expect((await listSuspended({ store, tenantId: "t1" })).runs).toHaveLength(
      1,
    );
    expect((await listSuspended({ store })).runs).toHaveLength(0);
  });

  test("is not begun for a tenant that is none", async () => {
    const { invoke } = onStore(async () => "never", {
      checkpoint: { tenant: () => undefined },
    });
    await expect(invoke()).rejects.toThrow(
      'checkpoint: the option "tenant" has to return the authenticated caller\'s tenant.',
    );
  });

  test("is resumed by the same event that has begun it when it has a key", async () => {
    const { runs, handler } = twoSteps();
    const { invoke, clock } = onStore(handler, {
      checkpoint: { idempotencyKey: (event) => event.messageId },
    });
    const first = suspendedIn(await invoke({ messageId: "m 1#" }));
    const again = suspendedIn(await invoke({ messageId: "m 1#" }));
    const other = suspendedIn(await invoke({ messageId: "m 2" }));
    expect(again.runId).toBe(first.runId);
    expect(other.runId).not.toBe(first.runId);
    expect(suspendedIn(await invoke({})).runId).not.toBe(first.runId);
    clock.time += HOUR_MS;
    expect(await invoke({ messageId: "m 1#" })).toBe("first 1, second 1");
    expect(await invoke({ messageId: "m 1#" })).toBe("first 1, second 1");
    expect(runs).toEqual({ first: 3, second: 1 });
  });

  test("cannot have a key that is no text", async () => {
    const { invoke } = onStore(async () => "never", {
      checkpoint: { idempotencyKey: () => "" },
    });
    await expect(invoke()).rejects.toThrow(
      'checkpoint: the option "idempotencyKey" must return a non-empty string, or undefined.',
    );
  });
});

describe("A run", () => {
  test("that is going on somewhere else is refused, and told when to come back", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ids = Promise.withResolvers<string>();
    const { invoke } = onStore(async ({ journal }) =>
      journal.step("long", async () => {
        ids.resolve(journal.runId);
        await promise;
        return "done";
      }),
    );
    const first = invoke();
    const runId = await ids.promise;
    const error = await rejection(invoke({ runId }));
    expect(error).toBeInstanceOf(StepInProgressError);
    expect(error).toMatchObject({
      statusCode: 409,
      runId,
      headers: { "retry-after": expect.stringMatching(/^\d+$/) },
    });
    resolve();
    expect(await first).toBe("done");
  });

  test("whose program was changed says so, and can be finished by the version that has begun it", async () => {
    const { runs, count } = counter();
    let name = "first";
    const { invoke, clock } = onStore(async ({ journal }) => {
      const value = await journal.step(name, () => count(name));
      await journal.sleep("pause", HOUR_MS);
      return value;
    });
    const { runId } = suspendedIn(await invoke());
    clock.time += HOUR_MS;
    name = "renamed";
    const error = await rejection(invoke({ runId }));
    expect(error).toBeInstanceOf(JournalMismatchError);
    expect(error).toMatchObject({
      runId,
      recorded: 'step "first"',
      asked: 'step "renamed"',
    });
    name = "first";
    expect(await invoke({ runId })).toBe("first 1");
    expect(runs).toEqual({ first: 1 });
  });

  test("whose program ends without a step that was recorded does not end", async () => {
    let isShort = false;
    const { runs, handler } = twoSteps();
    const { invoke, clock } = onStore(async (context, event) =>
      isShort ? "short" : handler(context, event),
    );
    const { runId } = suspendedIn(await invoke());
    isShort = true;
    clock.time += HOUR_MS;
    expect(await rejection(invoke({ runId }))).toMatchObject({
      name: "JournalMismatchError",
      recorded: 'step "first"',
    });
    isShort = false;
    expect(await invoke({ runId })).toBe("first 1, second 1");
    expect(runs).toEqual({ first: 1, second: 1 });
  });

  test("with a step that has failed fails the same way when it is resumed", async () => {
    let attempts = 0;
    const { invoke } = onStore(async ({ journal }) =>
      journal.step("a", async () => {
        attempts += 1;
        throw new RangeError("too far");
      }),
    );
    const first = await rejection(invoke());
    expect(first).toBeInstanceOf(StepFailure);
    expect(Object.keys(Object(first))).not.toContain("runId");
    const { runId } = Object(first);
    const again = await rejection(invoke({ runId }));
    expect(again).toMatchObject({ code: "RangeError", message: "too far" });
    expect(attempts).toBe(1);
  });

  test("that was taken over in the middle fails, and leaves the other holder alone", async () => {
    const { runs, count } = counter();
    const late = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<string>();
    let handled = 0;
    const { invoke, clock } = onStore(async ({ journal }) => {
      handled += 1;
      const isFirst = handled === 1;
      await journal.step("a", async () => {
        begun.resolve(journal.runId);
        if (isFirst) await late.promise;
        return count("a");
      });
      return journal.step("b", () => count("b"));
    });
    const stale = rejection(invoke());
    const runId = await begun.promise;
    clock.time += HOUR_MS;
    expect(await invoke({ runId })).toBe("b 1");
    late.resolve();
    expect(await stale).toBeInstanceOf(StepInProgressError);
    expect(await invoke({ runId })).toBe("b 1");
    expect(runs).toEqual({ a: 2, b: 1 });
  });

  test("that was taken over before it could be suspended is not: the other holder has it", async () => {
    let told = 0;
    const late = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<string>();
    const { invoke, clock } = onStore(
      async ({ journal }) => {
        await journal.step("a", async () => {
          begun.resolve(journal.runId);
          await late.promise;
        });
        await journal.sleep("pause", HOUR_MS);
      },
      {
        checkpoint: {
          onSuspend: async () => {
            told += 1;
          },
        },
      },
    );
    const stale = rejection(invoke());
    const runId = await begun.promise;
    clock.time += HOUR_MS;
    const next = invoke({ runId });
    late.resolve();
    const error = await stale;
    expect(error).toBeInstanceOf(StepInProgressError);
    expect(error).toMatchObject({ runId });
    expect(suspendedIn(await next).runId).toBe(runId);
    expect(told).toBe(1);
  });

  test("whose program was changed says so, also when another part of it waits", async () => {
    let name = "first";
    const { invoke } = onStore(async ({ journal }) => {
      await Promise.all([
        journal.ask("approve", async () => {}),
        journal.step(name, async () => 1),
      ]);
    });
    const { runId } = suspendedIn(await invoke());
    name = "renamed";
    const error = await rejection(invoke({ runId }));
    expect(error).toBeInstanceOf(JournalMismatchError);
  });

  test("that cannot be freed fails with its own error, and a warning", async () => {
    const { invoke, store } = onStore(async ({ journal }) => {
      await journal.step("a", async () => 1);
      throw new Error("own");
    });
    const { steps } = store;
    steps.fail = async () => {
      throw new Error("the store is gone");
    };
    await expect(invoke()).rejects.toThrow("own");
    expect(printed()).toEqual([
      "LambdaLLMWarning: The run could not be freed: the store is gone",
    ]);
  });

  test("whose model has no known price has costs that nobody knows", async () => {
    const mock = new MockProvider();
    const provider = providerMiddleware({
      defaults: { model: "unknown.model-v1:0" },
      provider: {
        name: "test",
        call: async (request) => ({
          ...(await mock.call(request)),
          model: "unknown.model-v1:0",
        }),
      },
    });
    const { invoke, store } = onStore(
      async ({ journal, invoke: ask }) => {
        await journal.step("free", async () => 1);
        await journal.step("paid", () => ask("Hi"));
        return journal.runId;
      },
      { provider },
    );
    const runId = String(await invoke());
    expect(await describeRun({ store, runId })).toMatchObject({
      costUsd: null,
      steps: [{ costUsd: 0 }, { costUsd: null }],
    });
  });

  test("that throws what cannot carry an id throws just that", async () => {
    const frozen = Object.freeze(new Error("frozen"));
    for (const thrown of ["text", frozen]) {
      const { invoke } = onStore(async ({ journal }) => {
        await journal.step("a", async () => 1);
        throw thrown;
      });
      expect(await rejection(invoke())).toBe(thrown);
    }
  });

  test("without any step leaves nothing behind, and its answer as it is", async () => {
    const { invoke, store } = onStore(async () => ({ statusCode: 200 }));
    const writes: string[] = [];
    const { steps } = store;
    for (const name of ["claim", "commit", "fail", "enlist"] as const) {
      const method = steps[name].bind(steps) as (
        ...given: unknown[]
      ) => unknown;
      Object.assign(steps, {
        [name]: (...given: unknown[]) => {
          writes.push(name);
          return method(...given);
        },
      });
    }
    expect(await invoke()).toEqual({ statusCode: 200 });
    expect(writes).toEqual([]);
  });

  test("whose model call outside of its steps has no time left is suspended, also as its first act", async () => {
    let isLate = true;
    const { invoke } = onStore(async (context) => {
      if (isLate)
        throw new Suspended(context.journal.runId, { resumeAt: NOON });
      return "in time";
    });
    const { runId, resumeAt } = suspendedIn(await invoke());
    expect(resumeAt).toBe(NOON);
    isLate = false;
    expect(await invoke({ runId })).toBe("in time");
  });

  test("is suspended, too, when the handler makes something else of that", async () => {
    const { invoke } = onStore(
      async (context) => {
        invocationOf(context).timeoutStrategy = "checkpoint";
        return context.invoke("Tell me.").catch(() => "a guess");
      },
      {
        provider: new MockProvider({
          responses: [{ text: "It", stopReason: "timeout" }, "It is so."],
        }).middleware(),
      },
    );
    const { runId } = suspendedIn(await invoke());
    expect(await invoke({ runId })).toBe("It is so.");
  });

  test("cannot end with a stream, which nobody could get again", async () => {
    async function* stream() {
      yield "text";
    }
    for (const result of [stream(), { statusCode: 200, body: stream() }]) {
      const { invoke } = onStore(async ({ journal }) => {
        await journal.step("a", async () => 1);
        return result;
      });
      await expect(invoke()).rejects.toThrow(
        "The result of a run is a stream, which cannot be recorded",
      );
    }
  });

  test("may stream when it has no steps", async () => {
    async function* stream() {
      yield "text";
    }
    const { invoke } = onStore(async () => ({
      statusCode: 200,
      body: stream(),
    }));
    const { body } = Object(await invoke());
    const pieces: unknown[] = [];
    for await (const piece of body) pieces.push(piece);
    expect(pieces.join("")).toBe("text");
  });

  test("is not begun in an invocation that has no time for a step", async () => {
    const { invoke } = onStore(async () => "never");
    const context = new MockLambdaContext({ timeoutMs: 1_900 });
    await expect(invoke({}, context)).rejects.toThrow(
      "checkpoint: the invocation has no time left for any step",
    );
  });
});

describe("Without a store", () => {
  test("a handler has a journal in memory, and its result is left as it is", async () => {
    const { runs, count } = counter();
    const invoke = functionOf(async ({ journal, llm }) => {
      expect(llm.journal).toBe(journal);
      const body = await journal.step("a", () => count("a"));
      return { statusCode: 200, body };
    });
    expect(await invoke()).toEqual({ statusCode: 200, body: "a 1" });
    expect(runs).toEqual({ a: 1 });
  });

  test("a run that has to wait is an error that says what is missing", async () => {
    const invoke = functionOf(async ({ journal }) =>
      journal.ask("approve", async () => {}),
    );
    const error = await rejection(invoke());
    expect(error).toMatchObject({
      name: "ConfigurationError",
      statusCode: 500,
    });
    expect(String(error)).toContain("Give checkpoint a store");
  });

  test("a run that would sleep for longer than the invocation lasts does not wait for its end", async () => {
    const invoke = functionOf(async ({ journal }) => {
      await journal.sleep("moment", 1);
      await journal.sleep("pause", HOUR_MS);
    });
    expect(String(await rejection(invoke()))).toContain(
      "Give checkpoint a store",
    );
  });

  test("results have the room that the option gives them", async () => {
    const invoke = functionOf(
      async ({ journal }) => journal.step("large", async () => "x".repeat(99)),
      { checkpoint: { maxResultBytes: 100 } },
    );
    expect(await rejection(invoke())).toMatchObject({
      code: "RESULT_TOO_LARGE",
    });
  });

  test("an error is left as it is, and no run is found", async () => {
    const invoke = functionOf(async ({ journal }) => {
      await journal.step("a", async () => 1);
      throw new Error("own");
    });
    const error = await rejection(invoke());
    expect(error).toEqual(new Error("own"));
    expect(Object(error).runId).toBe(undefined);
    expect(await rejection(invoke({ runId: "r" }))).toBeInstanceOf(
      RunNotFoundError,
    );
  });
});

describe("Options of checkpoint", () => {
  test.each([
    [{ stores: 1 }, 'there is no option "stores"'],
    [{ store: {} }, 'the option "store" must be an object with `steps`'],
    [{ ttlHours: 0 }, 'the option "ttlHours" must be a number above 0'],
    [
      { maxResultBytes: 1e9 },
      'the option "maxResultBytes" must be a positive integer of at most 8323072',
    ],
    [
      { blobStore: {} },
      'the option "blobStore" must be an object with the functions',
    ],
    [{ onSuspend: "x" }, 'the option "onSuspend" must be a function'],
    ...[
      { idempotencyKey: () => "a" },
      { onSuspend: () => {} },
      { leaseMs: 1 },
      { maxStarts: 1 },
      { blobStore: { put: () => {}, get: () => {} } },
      { ttlHours: 1, host: { open: () => {} } },
    ].map(
      (alone) =>
        [
          alone,
          `the option "${Object.keys(alone)[0]}" is for runs in a store, and there is none: give "store"`,
        ] as const,
    ),
  ])("%j are refused when the function starts", (options, message) => {
    expect(() => checkpoint(options as object)).toThrow(
      `checkpoint: ${message}`,
    );
  });
});
