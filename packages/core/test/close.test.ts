import { describe, expect, test } from "@jest/globals";
import { ModelInvocationError } from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { aborted, printed } from "../../../test-support/quiet.ts";
import {
  before,
  type HandlerContext,
  hangingProvider,
  rejection,
  run,
  settled,
} from "./support.ts";

type Middleware = MiddyMiddleware<HandlerContext>;

const fail = async (): Promise<never> => {
  throw new Error("failed");
};

/** A phase that returns something, which ends the chain: Middy's way of answering early. */
const early = (value: unknown) =>
  (async () => value) as unknown as NonNullable<Middleware["before"]>;

describe.each(middyMajors)("the end of an invocation on %s", (_name, middy) => {
  // Each leaves two calls running that nobody waits for.
  const ways: readonly (readonly [
    string,
    readonly Middleware[],
    (() => Promise<unknown>)?,
  ])[] = [
    ["the handler returns", []],
    ["the handler throws", [], fail],
    ["a later before throws", [{ before: fail }]],
    ["a later after throws", [{ after: fail }]],
    ["a later onError throws", [{ onError: fail }], fail],
    [
      "a later onError throws what it was given",
      [
        {
          onError: async ({ error }) => {
            throw error;
          },
        },
      ],
      fail,
    ],
    [
      "a later onError recovers",
      [
        {
          onError: async (request) => {
            request.response = "recovered";
          },
        },
      ],
      fail,
    ],
    ["a later before answers early", [{ before: early("early") }]],
    ["a later before answers null", [{ before: early(null) }]],
    [
      "a later before answers undefined",
      [
        {
          before: async (request) => {
            Object.assign(request, { earlyResponse: undefined });
          },
        },
      ],
    ],
    ["a later after answers early", [{ after: early("early") }]],
    ["a later onError answers early", [{ onError: early("early") }], fail],
    [
      "a later before means to answer early and throws",
      [
        {
          before: async (request) => {
            Object.assign(request, { earlyResponse: "early" });
            throw new Error("failed");
          },
        },
      ],
    ],
  ];

  test.each(ways)(
    "leaves no call running, no rejection unhandled and nothing to flush when %s",
    async (_what, more, handler = async () => "answer") => {
      const { middleware, calls, reasons } = hangingProvider();
      let flushed = 0;
      const start = before(async ({ context }) => {
        void context.invoke("One");
        void context.stream("Two");
        invocationOf(context).addFinalizer(async () => {
          await settled();
          flushed += 1;
        });
      });
      await run(middy, [middleware, start, ...more], handler).catch(() => {});
      await settled();
      await settled();
      expect(calls).toHaveLength(2);
      expect(reasons).toEqual([
        expect.objectContaining({ name: "AbortError" }),
        expect.objectContaining({ name: "AbortError" }),
      ]);
      expect(flushed).toBe(1);
      expect(printed()).toEqual([aborted(2)]);
    },
  );

  test.each([
    ["a value", early("early"), "early"],
    ["null", early(null), null],
    [
      "undefined",
      (async (request) => {
        Object.assign(request, { earlyResponse: undefined });
      }) satisfies Middleware["before"],
      undefined,
    ],
  ])(
    "flushes before an early answer of %s arrives, and does not change it",
    async (_what, phase, expected) => {
      let flushed = false;
      const start = before(async ({ context }) => {
        invocationOf(context).addFinalizer(async () => {
          await settled();
          flushed = true;
        });
      });
      const middlewares = [
        new MockProvider().middleware(),
        start,
        { before: phase },
      ];
      expect(await run(middy, middlewares, async () => "answer")).toBe(
        expected,
      );
      expect(flushed).toBe(true);
    },
  );

  test("shows the early answer itself to whoever looks at the request afterwards", async () => {
    const seen: unknown[] = [];
    const chain = middy({ requestEnd: ({ response }) => seen.push(response) });
    chain.use(new MockProvider().middleware()).before(early("early"));
    await chain({}, new MockLambdaContext());
    expect(seen).toEqual(["early"]);
  });

  test("shows no response to an onError after a before that meant to answer early and threw", async () => {
    const seen: unknown[] = [];
    const middlewares = [
      new MockProvider().middleware(),
      before(async (request) => {
        Object.assign(request, { earlyResponse: "early" });
        throw new Error("failed");
      }),
      {
        onError: async ({ response }: { response?: unknown }) => {
          seen.push(response);
        },
      },
    ];
    await run(middy, middlewares, async () => "answer").catch(() => {});
    expect(seen).toEqual([undefined]);
  });

  test("keeps the error when an onError answers early with undefined", async () => {
    const error = await rejection(
      run(
        middy,
        [
          new MockProvider().middleware(),
          {
            onError: async (request) => {
              Object.assign(request, { earlyResponse: undefined });
            },
          },
        ],
        fail,
      ),
    );
    expect(error).toHaveProperty("message", "failed");
  });

  test("lets an onError that replaces the error still call the model", async () => {
    const model = new MockProvider({ responses: ["Sorry."] });
    const answer = await run(
      middy,
      [
        model.middleware(),
        {
          onError: async (request) => {
            request.response = await request.context.invoke("Apologize.");
          },
        },
        {
          onError: async (request) => {
            request.error = new Error("better");
          },
        },
      ],
      fail,
    );
    expect(answer).toBe("Sorry.");
  });

  test("comes with Middy's early timeout while a call is in flight", async () => {
    const { middleware, reasons } = hangingProvider();
    const chain = middy({ timeoutEarlyInMillis: 900 });
    let call: Promise<string> | undefined;
    chain.use(middleware).handler(async (_event, context) => {
      call = (context as HandlerContext).invoke("Hi");
      return call;
    });
    const error = await rejection(
      chain({}, new MockLambdaContext({ timeoutMs: 910 })),
    );
    expect(error).toHaveProperty("name", "TimeoutError");
    expect(reasons).toHaveLength(1);
    expect(await rejection(Promise.resolve(call))).toBeInstanceOf(
      ModelInvocationError,
    );
    expect(printed()).toEqual([aborted(1)]);
  });
});
