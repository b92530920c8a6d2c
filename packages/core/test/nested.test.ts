import { describe, expect, test } from "@jest/globals";
import {
  invocationOf,
  type MiddyMiddleware,
  providerMiddleware,
} from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import httpRouter from "@middy/http-router";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "../../../test-support/middy.ts";
import { aborted, printed } from "../../../test-support/quiet.ts";
import {
  before,
  type HandlerContext,
  hangingProvider,
  PRICED,
  run,
  settled,
} from "./support.ts";

const early = (async () => "early") as unknown as NonNullable<
  MiddyMiddleware<HandlerContext>["before"]
>;

describe.each(middyMajors)(
  "a chain inside of a chain on %s",
  (_name, middy) => {
    /** An inner chain's handler, for a router or an outer handler to call. */
    const inner =
      <Result>(
        middlewares: readonly MiddyMiddleware<HandlerContext>[],
        handler: (context: HandlerContext) => Promise<Result>,
      ) =>
      (context: LambdaContext) =>
        run(middy, middlewares, handler, context);

    test("without a provider finds the outer invocation", async () => {
      const model = new MockProvider({ responses: ["answer"] });
      const features: string[] = [];
      const feature = before(async ({ context }) => {
        invocationOf(context).intercept(
          "call",
          "feature",
          async (request, next) => {
            features.push("intercepted");
            return next(request);
          },
        );
      });
      const answer = await run(middy, [model.middleware()], async (context) =>
        inner([feature], async ({ invoke }) => invoke("Hi"))(context),
      );
      expect(answer).toBe("answer");
      expect(features).toEqual(["intercepted"]);
    });

    test("that answers early without a provider leaves the outer invocation open", async () => {
      const model = new MockProvider({ responses: ["outer"] });
      const answer = await run(middy, [model.middleware()], async (context) => {
        expect(
          await inner([{ before: early }], async () => "never")(context),
        ).toBe("early");
        return context.invoke("Hi");
      });
      expect(answer).toBe("outer");
    });

    test("behind @middy/http-router finds the outer invocation", async () => {
      const model = new MockProvider({ responses: ["routed"] });
      const route = inner([], async ({ invoke }) => invoke("Hi"));
      const router = httpRouter([
        {
          method: "GET",
          path: "/ask",
          handler: async (_event: unknown, context: LambdaContext) => ({
            statusCode: 200,
            body: await route(context),
          }),
        },
      ]);
      const chain = middy(router as never).use(model.middleware());
      const event = { httpMethod: "GET", path: "/ask" };
      expect(await chain(event as never, new MockLambdaContext())).toEqual({
        statusCode: 200,
        body: "routed",
      });
    });

    describe("with a provider of its own", () => {
      const outerModel = () => new MockProvider({ responses: ["outer"] });
      const innerModel = () => new MockProvider({ responses: ["inner"] });

      test("uses it, and gives the outer one back", async () => {
        await run(middy, [outerModel().middleware()], async (context) => {
          const outer = invocationOf(context);
          const { invoke } = context;
          const texts = await inner(
            [innerModel().middleware()],
            async (given) => {
              expect(given).toBe(context);
              expect(invocationOf(given).parent).toBe(outer);
              return given.invoke("Hi");
            },
          )(context);
          expect(texts).toBe("inner");
          expect(invocationOf(context)).toBe(outer);
          expect(context.invoke).toBe(invoke);
          expect(await context.llm.invoke("Hi")).toBe("outer");
        });
      });

      const endings: readonly (readonly [
        string,
        MiddyMiddleware<HandlerContext>,
      ])[] = [
        ["answers early", { before: early }],
        ["answers early from after", { after: early }],
        [
          "fails",
          {
            before: async () => {
              throw new Error("inner");
            },
          },
        ],
        [
          "fails in onError",
          {
            before: async () => {
              throw new Error("inner");
            },
            onError: async () => {
              throw new Error("again");
            },
          },
        ],
      ];

      test.each(endings)(
        "gives the outer one back at once when it %s, however slow its finalizers are",
        async (_what, ending) => {
          const answer = await run(
            middy,
            [outerModel().middleware()],
            async (context) => {
              const outer = invocationOf(context);
              const slow = before(async (request) => {
                invocationOf(request.context).addFinalizer(async () => {
                  for (let turn = 0; turn < 5; turn++) await settled();
                });
              });
              const chain = inner(
                [innerModel().middleware(), slow, ending],
                async () => "",
              );
              await chain(context).catch(() => {});
              expect(invocationOf(context)).toBe(outer);
              return context.invoke("Hi");
            },
          );
          expect(answer).toBe("outer");
        },
      );

      test("passes the outer interceptors first", async () => {
        const trace: string[] = [];
        const feature = (name: string) =>
          before(async ({ context }) => {
            const invocation = invocationOf(context);
            for (const stage of ["attempt", "call"] as const)
              invocation.intercept(stage, name, async (request, next) => {
                trace.push(`${name} ${stage}`);
                return next(request);
              });
          });
        await run(
          middy,
          [outerModel().middleware(), feature("outer")],
          inner(
            [innerModel().middleware(), feature("inner")],
            async ({ invoke }) => invoke("Hi"),
          ),
        );
        expect(trace).toEqual([
          "outer call",
          "inner call",
          "outer attempt",
          "inner attempt",
        ]);
      });

      test("retries by itself, or else by the outer retries", async () => {
        const trace: string[] = [];
        const retry = (name: string) =>
          before(async ({ context }) => {
            invocationOf(context).intercept(
              "retry",
              name,
              async (request, next) => {
                trace.push(name);
                return next(request);
              },
            );
          });
        const innerMiddleware = innerModel().middleware();
        await run(
          middy,
          [outerModel().middleware(), retry("outer")],
          async (context) => {
            await inner([innerMiddleware, retry("inner")], async ({ invoke }) =>
              invoke("Hi"),
            )(context);
            await inner([innerMiddleware], async ({ invoke }) => invoke("Hi"))(
              context,
            );
          },
        );
        expect(trace).toEqual(["inner", "outer"]);
      });

      test("leaves nothing of its own on a context that had less", async () => {
        const durable = providerMiddleware({
          provider: outerModel(),
          defaults: { model: PRICED },
          durable: true,
        });
        await run(middy, [durable], async (context) => {
          await inner([innerModel().middleware()], async ({ invoke }) =>
            invoke("Hi"),
          )(context);
          expect("invoke" in context).toBe(false);
          expect(await context.llm.invoke("Hi")).toBe("outer");
        });
      });

      test("is closed with the outer one when it still runs", async () => {
        const { middleware, reasons } = hangingProvider();
        const trace: string[] = [];
        await run(middy, [outerModel().middleware()], async (context) => {
          invocationOf(context).addFinalizer(() => trace.push("outer"));
          void inner([middleware], async (given) => {
            invocationOf(given).addFinalizer(() => trace.push("inner"));
            return given.invoke("Hi");
          })(context).catch(() => {});
          await settled();
        });
        expect(reasons).toHaveLength(1);
        expect(trace).toEqual(["inner", "outer"]);
        expect(printed()).toEqual([aborted(1)]);
      });

      test("may be in the outer chain itself, which then ends them both", async () => {
        const trace: string[] = [];
        const finalizer = (name: string) =>
          before(async ({ context }) => {
            invocationOf(context).addFinalizer(() => trace.push(name));
          });
        const chain = [
          outerModel().middleware(),
          finalizer("outer"),
          innerModel().middleware(),
          finalizer("inner"),
        ];
        expect(
          await run(middy, chain, async ({ invoke }) => invoke("Hi")),
        ).toBe("inner");
        expect(trace.splice(0)).toEqual(["inner", "outer"]);
        expect(
          await run(middy, [...chain, { before: early }], async () => ""),
        ).toBe("early");
        expect(trace).toEqual(["inner", "outer"]);
      });
    });
  },
);
