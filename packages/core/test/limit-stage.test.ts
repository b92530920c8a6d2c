import { describe, expect, test } from "@jest/globals";
import { ModelInvocationError } from "@lambdallm/core";
import {
  type CallInfo,
  type Interceptor,
  invocationOf,
  type ModelRequest,
  type Stage,
} from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  before,
  type HandlerContext,
  PRICED,
  providerOf,
  rejection,
  run,
} from "./support.ts";

const feature = (stage: Stage, name: string, intercept: Interceptor) =>
  before(async ({ context }) => {
    invocationOf(context).intercept(stage, name, intercept);
  });

const pass: Interceptor = async (request, next) => next(request);

describe.each(middyMajors)("The stage limit on %s", (_name, middy) => {
  test("is inside of the retries and outside of the attempt, whatever the order of adding", async () => {
    const trace: string[] = [];
    const traced = (stage: Stage) =>
      feature(stage, stage, async (request, next) => {
        trace.push(stage);
        return next(request);
      });
    const model = new MockProvider({ responses: [new Error("once"), "two"] });
    const retry = feature("retry", "retry", async (request, next) => {
      trace.push("retry");
      return next(request).catch(() => next(request));
    });
    await run(
      middy,
      [
        model.middleware(),
        traced("attempt"),
        traced("limit"),
        retry,
        traced("call"),
      ],
      async ({ invoke }) => invoke("Hi"),
    );
    expect(trace).toEqual([
      "call",
      "retry",
      "limit",
      "attempt",
      "limit",
      "attempt",
    ]);
  });

  test("is named where a stage is misspelt", async () => {
    const misspelt = feature("limits" as Stage, "guard", pass);
    const error = await rejection(
      run(middy, [new MockProvider().middleware(), misspelt], async () => {}),
    );
    expect(error).toHaveProperty(
      "message",
      'intercept takes a stage ("call", "retry", "limit" or "attempt"), a name and a function.',
    );
  });
});

describe.each(middyMajors)("On %s", (_name, middy) => {
  test("an interceptor is told the number that its call has in the events, nested ones included", async () => {
    const seen: [who: string, callId: number][] = [];
    const noting = (who: string) =>
      feature("limit", who, async (request, next, { callId }: CallInfo) => {
        seen.push([who, callId]);
        return next(request);
      });
    const model = new MockProvider();
    await run(middy, [model.middleware(), noting("outer")], async (context) => {
      invocationOf(context).events.on("attempt-start", ({ callId }) =>
        seen.push(["event", callId]),
      );
      await context.invoke("one");
      await run(
        middy,
        [model.middleware(), noting("inner")],
        async ({ invoke }) => invoke("two"),
        context,
      );
    });
    expect(seen).toEqual([
      ["outer", 1],
      ["event", 1],
      ["outer", 2],
      ["inner", 2],
      ["event", 2],
    ]);
  });

  test("the share of the budget that is left is the outer invocation's, unless a budget of its own is kept", async () => {
    const model = new MockProvider();
    const shares: (number | undefined)[] = [];
    const note = (context: HandlerContext) =>
      shares.push(invocationOf(context).budgetShareLeft());
    await run(middy, [model.middleware()], async (context) => {
      note(context);
      let left = 0.5;
      invocationOf(context).budgetShareLeft = () => left;
      await run(
        middy,
        [model.middleware()],
        async (inner) => {
          note(inner);
          left = 0.25;
          note(inner);
          invocationOf(inner).budgetShareLeft = () => 1;
          note(inner);
        },
        context,
      );
      note(context);
    });
    expect(shares).toEqual([undefined, 0.5, 0.25, 1, 0.25]);
  });

  test("a nested provider inherits buffer and strategy of the moment", async () => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async (context) => {
      const outer = invocationOf(context);
      expect(outer).toMatchObject({
        bufferMs: 5_000,
        timeoutStrategy: "fail-fast",
      });
      outer.bufferMs = 700;
      outer.timeoutStrategy = "truncate";
      await run(
        middy,
        [model.middleware()],
        async (inner) => {
          expect(invocationOf(inner)).not.toBe(outer);
          expect(invocationOf(inner)).toMatchObject({
            bufferMs: 700,
            timeoutStrategy: "truncate",
          });
        },
        context,
      );
    });
  });
});

describe.each(middyMajors)(
  "An attempt that an interceptor gives up on %s",
  (_name, middy) => {
    const stalled = new ModelInvocationError("It was silent.", {
      reason: "stalled",
      model: PRICED,
      retryable: true,
      billed: "unknown",
    });

    /** Gives the attempt up once it has been sent. */
    const impatient = feature("limit", "impatient", async (request, next) => {
      const controller = new AbortController();
      const answered = next({ ...request, signal: controller.signal });
      controller.abort(stalled);
      return answered;
    });

    /** Calls a model that fails with this when it is aborted. */
    const failing = async (failure: (request: ModelRequest) => unknown) => {
      const events: unknown[] = [];
      const model = providerOf(
        (request) =>
          new Promise((_resolve, reject) => {
            request.signal?.addEventListener("abort", () =>
              reject(failure(request)),
            );
          }),
      );
      return run(middy, [model, impatient], async (context) => {
        invocationOf(context).events.on("attempt-error", ({ error }) =>
          events.push(error),
        );
        const error = await rejection(context.invoke("Hi"));
        expect(events).toEqual([error]);
        expect(events[0]).toBe(error);
        return { error, metrics: context.metrics };
      });
    };
    const aborted = (changes: object) =>
      new ModelInvocationError("The call was aborted.", {
        reason: "aborted",
        model: PRICED,
        ...changes,
      });

    test("fails with the interceptor's error, whatever the provider throws", async () => {
      for (const thrown of [
        aborted({ billed: "unknown" }),
        new Error("socket hang up"),
      ])
        expect((await failing(() => thrown)).error).toBe(stalled);
      const { error, metrics } = await failing(({ signal }) => signal?.reason);
      expect(error).toBe(stalled);
      // It may have been billed, and nobody knows what.
      expect(metrics).toMatchObject({
        attempts: 1,
        failedAttempts: 1,
        usage: { estimated: true, outputTokens: 0 },
      });
    });

    test("has with it what had arrived, and what the provider says that it costs", async () => {
      const partial = answerOf("so far", { stopReason: "interrupted" });
      const { error, metrics } = await failing(() =>
        aborted({ billed: "partial", partial }),
      );
      expect(error).not.toBe(stalled);
      expect(error).toMatchObject({
        message: "It was silent.",
        reason: "stalled",
        retryable: true,
        billed: "partial",
        partial,
      });
      expect(stalled).not.toHaveProperty("partial");
      expect(metrics).toMatchObject({ usage: { outputTokens: 2 } });
    });
  },
);
