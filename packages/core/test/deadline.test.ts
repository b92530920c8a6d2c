import { describe, expect, test } from "@jest/globals";
import { type ConverseRequest, ModelInvocationError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  type HandlerContext,
  hangingProvider,
  PRICED,
  providerOf,
  rejection,
  run,
} from "./support.ts";

const messages: ConverseRequest["messages"] = [
  { role: "user", content: [{ text: "Hi" }] },
];

describe.each(middyMajors)("an invocation on %s", (_name, middy) => {
  describe("passes a deadline down", () => {
    const contextAt = (leftMs: number) => {
      const getRemainingTimeInMillis = () => leftMs;
      return Object.assign(new MockLambdaContext(), {
        getRemainingTimeInMillis,
      });
    };

    const deadlines = async (
      handler: (context: HandlerContext) => Promise<unknown>,
      leftMs = 30_000,
    ) => {
      const model = new MockProvider();
      await run(middy, [model.middleware()], handler, contextAt(leftMs));
      return model.calls.map(({ request }) => request.deadline ?? Number.NaN);
    };

    test("that leaves time to answer before Lambda's timeout", async () => {
      const start = Date.now();
      const [deadline] = await deadlines(async ({ invoke }) => invoke("Hi"));
      expect(deadline).toBeGreaterThanOrEqual(start + 29_500);
      expect(deadline).toBeLessThanOrEqual(Date.now() + 29_500);
    });

    test("that a call may tighten, and not loosen", async () => {
      const soon = Date.now() + 5_000;
      const late = Date.now() + 90_000;
      const [tightened, loosened] = await deadlines(async (context) => {
        await context.converse({ messages, deadline: soon });
        await context.converse({ messages, deadline: late });
        expect(invocationOf(context).deadline).toBeLessThan(late);
      });
      expect(tightened).toBe(soon);
      expect(loosened).toBeLessThan(late);
    });

    test("that a feature may tighten, and not loosen", async () => {
      const soon = Date.now() + 5_000;
      const [first, second] = await deadlines(async (context) => {
        const invocation = invocationOf(context);
        invocation.tightenDeadline(soon);
        await context.invoke("Hi");
        invocation.tightenDeadline(soon + 60_000);
        expect(invocation.deadline).toBe(soon);
        await context.invoke("Hi");
      });
      expect(first).toBe(soon);
      expect(second).toBe(soon);
    });
  });

  describe("ends a call", () => {
    test("when its signal aborts, and says why", async () => {
      const { middleware, reasons } = hangingProvider();
      const controller = new AbortController();
      await run(middy, [middleware], async ({ invoke }) => {
        const { signal } = controller;
        const call = invoke("Hi", undefined, { signal });
        controller.abort(new Error("enough"));
        const error = await rejection(call);
        expect(error).toBeInstanceOf(ModelInvocationError);
        expect(error).toMatchObject({
          reason: "aborted",
          billed: "unknown",
          model: PRICED,
          retryable: false,
          cause: controller.signal.reason,
        });
      });
      expect(reasons).toEqual([controller.signal.reason]);
    });

    test("whose signal had aborted before, without asking the model", async () => {
      const { middleware, calls } = hangingProvider();
      await run(middy, [middleware], async ({ invoke, converse, stream }) => {
        const signal = AbortSignal.abort();
        const options = [undefined, { signal }] as const;
        for (const call of [
          invoke("Hi", ...options),
          converse({ messages, signal }),
          stream("Hi", ...options).response,
        ])
          expect(await rejection(call)).toMatchObject({
            reason: "aborted",
            billed: "none",
          });
      });
      expect(calls).toEqual([]);
    });

    test("with the model's own error where the abort is not the reason", async () => {
      const own = new Error("the model's");
      const controller = new AbortController();
      const provider = providerOf(async () => {
        controller.abort();
        throw own;
      });
      const { signal } = controller;
      const error = await rejection(
        run(middy, [provider], async ({ invoke }) =>
          invoke("Hi", undefined, { signal }),
        ),
      );
      expect(error).toBe(own);
    });
  });
});
