import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { invocationOf, type ModelRequest } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  before,
  type HandlerContext,
  providerOf,
  rejection,
  run,
} from "./support.ts";

describe.each(middyMajors)("an outer invocation on %s", (_name, middy) => {
  const outerModel = () => new MockProvider({ responses: ["outer"] });
  const innerModel = () => new MockProvider({ responses: ["inner"] });

  test("gets the totals of an inner provider, which start at 0", async () => {
    const outer = providerOf(async () => answerOf("outer"));
    let fails = true;
    const own = providerOf(async () => {
      if (fails) throw new Error("inner");
      return answerOf("inner");
    });
    await run(middy, [outer], async (context) => {
      await context.invoke("Hi");
      await run(
        middy,
        [own],
        async (given) => {
          expect(given.totalCostUsd).toBe(0);
          await rejection(given.invoke("Hi"));
          fails = false;
          await given.invoke("Hi");
          expect(given.totalCostUsd).toBe(0.00002);
          expect(given.metrics).toMatchObject({
            calls: 2,
            attempts: 2,
            failedAttempts: 1,
          });
        },
        context,
      );
      expect(context.totalCostUsd).toBe(0.00004);
      expect(context.metrics).toMatchObject({
        calls: 3,
        attempts: 3,
        failedAttempts: 1,
        modelLatencyMs: 14,
      });
    });
  });

  test("hears an inner provider's calls, with numbers that stay unique", async () => {
    const heard: string[] = [];
    await run(middy, [outerModel().middleware()], async (context) => {
      invocationOf(context).events.on("call-start", ({ callId }) =>
        heard.push(`outer ${callId}`),
      );
      await context.invoke("Hi");
      await run(
        middy,
        [innerModel().middleware()],
        async (given) => {
          invocationOf(given).events.on("call-start", ({ callId }) =>
            heard.push(`inner ${callId}`),
          );
          await given.invoke("Hi");
        },
        context,
      );
      await context.invoke("Hi");
    });
    expect(heard).toEqual(["outer 1", "inner 2", "outer 2", "outer 3"]);
  });

  test("hands its deadline to an inner provider", async () => {
    const deadlines: unknown[] = [];
    const own = providerOf(async ({ deadline }: ModelRequest) => {
      deadlines.push(deadline);
      return answerOf("inner");
    });
    const soon = Date.now() + 1_000;
    await run(middy, [outerModel().middleware()], async (context) => {
      invocationOf(context).tightenDeadline(soon);
      await run(middy, [own], async ({ invoke }) => invoke("Hi"), context);
    });
    expect(deadlines).toEqual([soon]);
  });
});

describe.each(middyMajors)(
  "invocations at the same time on %s",
  (_name, middy) => {
    test("of one handler do not see each other", async () => {
      const gates = [
        Promise.withResolvers<string>(),
        Promise.withResolvers<string>(),
      ];
      const model = new MockProvider({
        responses: gates.map(
          ({ promise }) =>
            async () =>
              promise,
        ),
      });
      const chain = middy<object, unknown, Error, HandlerContext>()
        .use(model.middleware())
        .handler(async (_event, context) => {
          const text = await context.invoke("Hi");
          return [text, context.metrics.calls];
        });
      const first = chain({}, new MockLambdaContext() as HandlerContext);
      const second = chain({}, new MockLambdaContext() as HandlerContext);
      gates[1]?.resolve("second");
      expect(await second).toEqual(["second", 1]);
      // The end of the second one did not end the first.
      gates[0]?.resolve("first");
      expect(await first).toEqual(["first", 1]);
    });

    test("of different handlers keep their own models", async () => {
      const answers = await Promise.all(
        ["a", "b"].map((text) =>
          run(
            middy,
            [new MockProvider({ responses: [async () => text] }).middleware()],
            async ({ invoke }) => invoke("Hi"),
          ),
        ),
      );
      expect(answers).toEqual(["a", "b"]);
    });

    test("after another one on the same context start anew", async () => {
      const context = new MockLambdaContext();
      const calls = async () =>
        run(
          middy,
          [new MockProvider().middleware()],
          async (given) => {
            expect(invocationOf(given).parent).toBeUndefined();
            await given.invoke("Hi");
            return given.metrics.calls;
          },
          context,
        );
      expect(await calls()).toBe(1);
      expect(await calls()).toBe(1);
    });

    test("are refused to features that come without a provider", async () => {
      const feature = before(async ({ context }) => {
        invocationOf(context);
      });
      const error = await rejection(
        run(middy, [feature], async () => "answer"),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
    });
  },
);
