import { describe, expect, test } from "@jest/globals";
import {
  ConfigurationError,
  type ConverseRequest,
  type Delta,
  ModelInvocationError,
} from "@lambdallm/core";
import { invocationOf, type ModelRequest } from "@lambdallm/core/feature";
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

const messages: ConverseRequest["messages"] = [
  { role: "user", content: [{ text: "Hi" }] },
];

const failure = (partial?: ReturnType<typeof answerOf>) =>
  new ModelInvocationError("The stream broke off.", {
    reason: "interrupted",
    model: PRICED,
    retryable: true,
    ...(partial && { partial }),
  });

describe.each(middyMajors)("an invocation on %s", (_name, middy) => {
  /** Runs one call whose attempts are repeated until one succeeds. */
  const retrying = (
    call: (request: ModelRequest) => Promise<ReturnType<typeof answerOf>>,
    handler: (context: HandlerContext) => Promise<unknown>,
  ) =>
    run(
      middy,
      [
        providerOf(call),
        before(async ({ context }) => {
          invocationOf(context).intercept(
            "retry",
            "retry",
            async (request, next) => {
              for (;;)
                try {
                  return await next(request);
                } catch (error) {
                  if (
                    !ModelInvocationError.isInstance(error) ||
                    !error.retryable
                  )
                    throw error;
                }
            },
          );
        }),
      ],
      handler,
    );

  describe("counts", () => {
    test("every attempt, with what a failed one was billed for", async () => {
      let attempts = 0;
      await retrying(
        async () => {
          attempts += 1;
          if (attempts === 1) throw failure(answerOf("par"));
          if (attempts === 2) throw failure();
          return answerOf("answer");
        },
        async (context) => {
          const response = await context.converse({ messages });
          expect(response).toMatchObject({ attempts: 3, costUsd: 0.00002 });
          expect(context.metrics).toMatchObject({
            calls: 1,
            attempts: 3,
            failedAttempts: 2,
            modelLatencyMs: 14,
            knownCostUsd: 0.00004,
            usage: { inputTokens: 20, outputTokens: 4, totalTokens: 24 },
          });
        },
      );
    });

    test("a failed attempt of an unknown price as unpriced", async () => {
      await run(
        middy,
        [
          providerOf(async () => {
            throw failure(answerOf("par", { model: "acme.unknown-v1" }));
          }),
        ],
        async (context) => {
          await rejection(context.invoke("Hi"));
          expect(context.totalCostUsd).toBeUndefined();
          expect(context.metrics).toMatchObject({
            failedAttempts: 1,
            unpricedAttempts: 1,
          });
        },
      );
    });

    test.each([
      ["none", undefined],
      ["unknown", true],
      ["partial", true],
    ] as const)(
      "a failed attempt billed as %s without its usage: estimated is %s",
      async (billed, estimated) => {
        const provider = providerOf(async () => {
          const details = { reason: "connection", model: PRICED, billed };
          throw new ModelInvocationError("The connection was lost.", details);
        });
        await run(middy, [provider], async (context) => {
          await rejection(context.invoke("Hi"));
          expect(context.usage.estimated).toBe(estimated);
          expect(context.totalCostUsd).toBe(0);
        });
      },
    );

    test("sums of many costs without an error of rounding", async () => {
      const provider = providerOf(async () => answerOf("a"));
      const total = await run(middy, [provider], async (context) => {
        for (let call = 0; call < 1_000; call++) await context.invoke("Hi");
        return context.totalCostUsd;
      });
      expect(total).toBe(0.02);
    });
  });

  describe("shows an observer", () => {
    const toolUse = { toolUseId: "t1", name: "now", input: {} };
    const content = [
      { reasoningContent: { reasoningText: { text: "Hm." } } },
      { text: "Yes" },
      { toolUse },
    ];

    test.each([
      [undefined, ["text", "reasoning", "tool", "tool"]],
      [["text"], ["text"]],
      [
        ["tool", "reasoning"],
        ["reasoning", "tool", "tool"],
      ],
      [[], []],
    ] as const)(
      "the kinds of deltas it asked for: %j",
      async (deltas, expected) => {
        const model = new MockProvider({ responses: [{ content }] });
        const seen: Delta["kind"][] = [];
        await run(middy, [model.middleware()], async ({ converse }) =>
          converse({
            messages,
            ...(deltas && { deltas }),
            onDelta: ({ kind }) => {
              seen.push(kind);
            },
          }),
        );
        expect([...seen].sort()).toEqual([...expected].sort());
      },
    );

    test("an end with what it threw, even when that looks like a model's error", async () => {
      const mine = failure(answerOf("not this call's"));
      let attempts = 0;
      await retrying(
        async ({ onDelta }) => {
          attempts += 1;
          if (attempts === 1) throw failure();
          onDelta?.({ kind: "text", text: "a" });
          return answerOf("answer");
        },
        async (context) => {
          const onDelta = () => {
            throw Object.assign(mine, { retryable: false });
          };
          expect(await rejection(context.converse({ messages, onDelta }))).toBe(
            mine,
          );
          // What the observer's error carries is no part of this call's bill.
          expect(context.usage.outputTokens).toBe(0);
        },
      );
    });
  });

  test("refuses calls after its end", async () => {
    const model = new MockProvider();
    const context = await run(
      middy,
      [model.middleware()],
      async (given) => given,
    );
    for (const call of [
      context.invoke("Hi"),
      context.converse({ messages }),
      context.stream("Hi").started,
      context.stream("Hi").response,
    ]) {
      const error = await rejection(call);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty(
        "message",
        "The invocation has ended: await every model call before the handler returns.",
      );
    }
    expect(model.totalCalls).toBe(0);
  });
});
