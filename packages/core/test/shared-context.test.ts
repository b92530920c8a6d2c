import { describe, expect, test } from "@jest/globals";
import type { LLMContext } from "@lambdallm/core";
import { invocationOf, providerMiddleware } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { before, type HandlerContext, run } from "./support.ts";

describe.each(middyMajors)(
  "a context that others use too, on %s",
  (_name, middy) => {
    const theirs = { flush: () => "theirs" };

    test("keeps what another middleware had put there before", async () => {
      const model = new MockProvider();
      const found = await run(
        middy,
        [model.middleware()],
        async (context) => ({
          metrics: context.metrics,
          calls: context.llm.metrics.calls,
        }),
        Object.assign(new MockLambdaContext(), { metrics: theirs }),
      );
      expect(found).toEqual({ metrics: theirs, calls: 0 });
    });

    test("takes what another middleware puts there later, as @middy/cloudwatch-metrics does", async () => {
      const model = new MockProvider();
      const found = await run(
        middy,
        [
          model.middleware(),
          before(async ({ context }) => {
            Object.assign(context, { metrics: theirs });
          }),
        ],
        async (context) => ({
          metrics: context.metrics,
          answer: await context.invoke("Hi"),
          calls: context.llm.metrics.calls,
        }),
      );
      expect(found).toEqual({
        metrics: theirs,
        answer: "Mock response",
        calls: 1,
      });
    });

    const withMore = before(async (request) => {
      request.context = { ...request.context, ...{ more: "more" } };
    });
    type More = HandlerContext & { readonly more?: string };

    test("may be replaced by a copy with more in it, which has the same members", async () => {
      const found = await run(
        middy,
        [new MockProvider().middleware(), withMore],
        async (context: More) => ({
          more: context.more,
          answer: await context.invoke("Hi"),
          calls: context.llm.metrics.calls,
          keys: Object.keys(context).includes("invoke"),
          aws: context.awsRequestId,
          known: invocationOf(context).totals.calls,
        }),
      );
      expect(found).toEqual({
        more: "more",
        answer: "Mock response",
        calls: 1,
        keys: false,
        aws: expect.stringMatching(/./),
        known: 1,
      });
    });

    test("may be replaced twice, and keeps what the copies took over or left out", async () => {
      const found = await run(
        middy,
        [
          new MockProvider().middleware(),
          before(async ({ context }) => {
            Object.assign(context, { metrics: theirs });
          }),
          withMore,
          before(async (request) => {
            request.context = Object.freeze({ ...request.context });
          }),
        ],
        async (context: More) => ({
          more: context.more,
          metrics: context.metrics,
          // Frozen: nothing can be put there, but features still know it.
          answer: await invocationOf(context).totals.calls,
        }),
      );
      expect(found).toEqual({ more: "more", metrics: theirs, answer: 0 });
    });

    test("may be replaced behind two providers; the inner one answers", async () => {
      const answers = (text: string) =>
        new MockProvider({ responses: [text] }).middleware();
      const found = await run(
        middy,
        [answers("outer"), answers("inner"), withMore],
        async (context) => context.invoke("Hi"),
      );
      expect(found).toBe("inner");
    });

    test("keeps its members in an inner chain on the copy, and after it", async () => {
      const found = await run(
        middy,
        [new MockProvider({ responses: ["outer"] }).middleware(), withMore],
        async (context) => {
          const chain = middy<object, string, Error, HandlerContext>()
            .use(new MockProvider({ responses: ["inner"] }).middleware())
            .handler(async (_event, own) => own.invoke("Hi"));
          return [await chain({}, context), await context.invoke("Hi")];
        },
      );
      expect(found).toEqual(["inner", "outer"]);
    });

    test("gives a durable copy context.llm only", async () => {
      const durable = providerMiddleware({
        provider: new MockProvider(),
        defaults: { model: "a.model" },
        durable: true,
      });
      const found = await run(
        middy,
        [durable as never, withMore],
        async (context) => [
          await context.llm.invoke("Hi"),
          Object.hasOwn(context, "invoke"),
        ],
      );
      expect(found).toEqual(["Mock response", false]);
    });

    test("may be put back, or replaced by what is no context for a while", async () => {
      const found = await run(
        middy,
        [
          new MockProvider().middleware(),
          before(async (request) => {
            const { context } = request;
            request.context = context;
            // Middlewares in JavaScript assign what they like.
            request.context = "none" as unknown as HandlerContext;
            request.context = { ...context };
            request.context = context;
          }),
        ],
        async ({ invoke }) => invoke("Hi"),
      );
      expect(found).toBe("Mock response");
    });

    test("may be taken away for a while", async () => {
      const found = await run(
        middy,
        [
          new MockProvider().middleware(),
          before(async (request) => {
            const copy = { ...request.context };
            // Middlewares in JavaScript assign what they like.
            request.context = undefined as unknown as HandlerContext;
            request.context = copy;
          }),
        ],
        async ({ invoke }) => invoke("Hi"),
      );
      expect(found).toBe("Mock response");
    });

    test("keeps what the handler of an inner chain put there", async () => {
      const found = await run(
        middy,
        [new MockProvider().middleware()],
        async (context) => {
          const chain = middy<object, unknown, Error, HandlerContext>()
            .use(new MockProvider().middleware())
            .handler(async (_event, own) => {
              Object.assign(own, { metrics: theirs });
            });
          await chain({}, context);
          return context.metrics;
        },
      );
      expect(found).toBe(theirs);
    });

    test("may be inherited from, and a copy of it has nothing", async () => {
      const found = await run(
        middy,
        [new MockProvider().middleware()],
        async (context) => {
          const heir = Object.create(context) as HandlerContext;
          const copy = Object.defineProperties(
            {},
            Object.getOwnPropertyDescriptors(context),
          ) as HandlerContext;
          return {
            heir: await heir.invoke("Hi"),
            same: heir.llm === context.llm,
            copy: copy.invoke,
          };
        },
      );
      expect(found).toEqual({
        heir: "Mock response",
        same: true,
        copy: undefined,
      });
    });

    test("gets back its own members after an inner chain, but not what was replaced there", async () => {
      const durable = providerMiddleware({
        provider: new MockProvider(),
        defaults: { model: "outer.model" },
        durable: true,
      });
      const found = await run(middy, [durable as never], async (context) => {
        const chain = middy<object, unknown, Error, HandlerContext>()
          .use(new MockProvider().middleware())
          .handler(async (_event, own) => {
            Object.assign(own, { metrics: theirs });
            return own.invoke("Hi");
          });
        await chain({}, context);
        return { metrics: context.metrics, invoke: context.invoke };
      });
      expect(found).toEqual({ metrics: theirs, invoke: undefined });
    });

    test("survives two inner chains at the same time; the provider that came last answers both", async () => {
      const inner = (answer: string, waitMs: number) => {
        const model = new MockProvider({
          responses: [{ text: answer, delayMs: waitMs }],
        });
        return async (context: HandlerContext) => {
          const chain = middy<object, string, Error, HandlerContext>()
            .use(model.middleware())
            .handler(async (_event, own) => {
              const { invoke }: LLMContext = own.llm;
              return invoke("Hi");
            });
          return chain({}, context);
        };
      };
      const outer = new MockProvider({ responses: ["outer"] });
      const answers = await run(
        middy,
        [outer.middleware()],
        async (context) => [
          await Promise.all([
            inner("first", 5)(context),
            inner("second", 30)(context),
          ]),
          await context.invoke("Hi"),
          invocationOf(context).totals.calls,
        ],
      );
      expect(answers).toEqual([["second", "second"], "outer", 3]);
    });
  },
);
