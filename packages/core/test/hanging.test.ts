import { describe, expect, jest, test } from "@jest/globals";
import { invocationOf } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { aborted, printed } from "../../../test-support/quiet.ts";
import { before, rejection, run } from "./support.ts";

describe.each(middyMajors)(
  "something that never ends, on %s",
  (_name, middy) => {
    const forever = () => new Promise<never>(() => {});

    test("in an interceptor does not keep the answer from being sent", async () => {
      const model = new MockProvider();
      const answer = await run(
        middy,
        [model.middleware()],
        async (context) => {
          invocationOf(context).intercept("call", "hanging-store", forever);
          context.invoke("forgotten");
          return "answered";
        },
        new MockLambdaContext({ timeoutMs: 300 }),
      );
      expect(answer).toBe("answered");
      expect(printed()).toEqual([aborted(1)]);
    });

    test("in an interceptor does not hold a call that its caller aborts", async () => {
      jest.useFakeTimers();
      const model = new MockProvider();
      const reason = new Error("enough");
      await run(middy, [model.middleware()], async (context) => {
        invocationOf(context).intercept("call", "hanging-store", forever);
        const controller = new AbortController();
        const { signal } = controller;
        const call = rejection(context.invoke("Hi", {}, { signal }));
        controller.abort(reason);
        await jest.advanceTimersByTimeAsync(1_500);
        expect(await call).toMatchObject({
          name: "ModelInvocationError",
          reason: "aborted",
          billed: "unknown",
          cause: reason,
        });
      });
      jest.useRealTimers();
    });

    test("does not keep finalizers from running, nor does a context that cannot tell the time any more", async () => {
      const model = new MockProvider();
      const context = new MockLambdaContext();
      const order: string[] = [];
      await run(
        middy,
        [model.middleware()],
        async () => {
          invocationOf(context).addFinalizer(() => order.push("finalizer"));
          // Middy 7 has asked for it by then.
          await new Promise(setImmediate);
          Object.assign(context, { getRemainingTimeInMillis: () => "soon" });
        },
        context,
      );
      expect(order).toEqual(["finalizer"]);
    });

    test("without a Lambda deadline is waited for", async () => {
      let finish = () => {};
      const hanging = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const order: string[] = [];
      const model = new MockProvider();
      const answered = run(
        middy,
        [model.middleware()],
        async (context) => {
          invocationOf(context).intercept(
            "call",
            "slow-store",
            async (request, next) => {
              await hanging;
              order.push("store");
              return next(request);
            },
          );
          context.invoke("forgotten");
          return "answered";
        },
        {} as MockLambdaContext,
      ).then(() => order.push("answer"));
      finish();
      await answered;
      expect(order).toEqual(["store", "answer"]);
      expect(printed()).toEqual([aborted(1)]);
    });
  },
);

describe.each(middyMajors)("on %s", (_name, middy) => {
  test("a finalizer cannot be added after the end", async () => {
    const model = new MockProvider();
    const invocation = await run(
      middy,
      [model.middleware()],
      async (context) => ({ of: invocationOf(context) }),
    );
    expect(() => invocation.of.addFinalizer(() => {})).toThrow(
      "The invocation has ended: add finalizers before the handler returns.",
    );
  });

  test("an interceptor may tighten the deadline, and not loosen it", async () => {
    const model = new MockProvider();
    const soon = Date.now() + 5_000;
    await run(
      middy,
      [
        model.middleware(),
        before(async ({ context }) => {
          invocationOf(context).intercept(
            "call",
            "loosening",
            (request, next) =>
              next({ ...request, deadline: Number.MAX_SAFE_INTEGER }),
          );
          invocationOf(context).intercept(
            "attempt",
            "tightening",
            (request, next) =>
              next(request.tags ? { ...request, deadline: soon } : request),
          );
        }),
      ],
      async (context) => {
        await context.invoke("a");
        await context.invoke("b", {}, { tags: { tighten: "yes" } });
      },
    );
    const [loosened, tightened] = model.calls.map(
      ({ request }) => request.deadline,
    );
    expect(loosened).toBeLessThan(Date.now() + 60_000);
    expect(tightened).toBe(soon);
  });

  test("a blank system prompt is none, and leaves out the default", async () => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async (context) => {
      await context.invoke("a", {}, { system: "Be brief." });
      await context.invoke("b", {}, { system: " " });
    });
    expect(model.calls.map(({ request }) => request.system)).toEqual([
      [{ text: "Be brief." }],
      [],
    ]);
  });

  test("an observer's error leaves what the provider says was used in the totals", async () => {
    const model = new MockProvider();
    const metrics = await run(middy, [model.middleware()], async (context) => {
      await rejection(
        context.converse({
          messages: [{ role: "user", content: [{ text: "Go" }] }],
          onDelta: () => {
            throw new Error("mine");
          },
        }),
      );
      return context.metrics;
    });
    expect(metrics).toMatchObject({ attempts: 1, failedAttempts: 1 });
  });
});
