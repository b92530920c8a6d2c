import { describe, expect, test } from "@jest/globals";
import type { ConverseRequest } from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { NOT_WAITED_FOR, printed } from "../../../test-support/quiet.ts";
import {
  answerOf,
  type HandlerContext,
  providerOf,
  readText,
  rejection,
  run,
} from "./support.ts";

describe.each(middyMajors)("an answer that is none, on %s", (_name, middy) => {
  test.each([
    ["malformed_model_output", "interrupted", true],
    ["malformed_tool_use", "interrupted", true],
    ["model_context_window_exceeded", "context-overflow", false],
  ])(
    "%s is a failure of invoke (%s) and a response of converse",
    async (stopReason, reason, retryable) => {
      const model = new MockProvider({
        responses: [{ text: "half", stopReason }],
      });
      await run(middy, [model.middleware()], async (context) => {
        expect(await rejection(context.invoke("Hi"))).toMatchObject({
          name: "ModelInvocationError",
          reason,
          retryable,
          billed: "partial",
          partial: { text: "half" },
        });
        const messages = [{ role: "user", content: [{ text: "Hi" }] }] as const;
        expect(await context.converse({ messages })).toMatchObject({
          stopReason,
        });
      });
    },
  );

  test.each(["timeout", "malformed_tool_use"])(
    "%s names its model without the account",
    async (stopReason) => {
      const model = `arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc`;
      const half = providerOf(async () =>
        answerOf("half", { stopReason, model }),
      );
      await run(middy, [half], async (context) => {
        const error = await rejection(context.invoke("Hi"));
        expect(String(error)).toMatch(/The model abc (had not|ended)/);
        expect(String(error)).not.toContain("123456789012");
      });
    },
  );

  test("that the time ran out for says how many attempts it took", async () => {
    const late = providerOf(async () =>
      answerOf("", { stopReason: "timeout" }),
    );
    const twice: MiddyMiddleware<HandlerContext> = {
      before: async ({ context }) => {
        invocationOf(context).intercept(
          "retry",
          "twice",
          async (request, next) => {
            await next(request);
            return next(request);
          },
        );
      },
    };
    const failing = (middlewares: readonly MiddyMiddleware<HandlerContext>[]) =>
      run(middy, middlewares, async ({ invoke }) => rejection(invoke("Hi")));
    expect(String(await failing([late, twice]))).toMatch(
      / had not answered when the time was over \(attempt 2\): /,
    );
    expect(String(await failing([late]))).toMatch(
      / had not answered when the time was over: /,
    );
  });

  test("is not one that arrives without deltas: a stream yields it whole", async () => {
    const silent = providerOf(async () => answerOf("cached"));
    await run(middy, [silent], async (context) => {
      expect(await readText(context.stream("Hi"))).toEqual(["cached"]);
    });
  });

  test("can be sent back: blank text and nothing at all in an assistant's message", async () => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async (context) => {
      const messages: ConverseRequest["messages"] = [
        { role: "user", content: [{ text: "Hi" }] },
        { role: "assistant", content: [{ text: "\n\n" }] },
        { role: "assistant", content: [] },
        { role: "user", content: [{ text: "Well?" }] },
      ];
      expect(await context.converse({ messages })).toMatchObject({
        text: "Mock response",
      });
    });
  });

  test("a role that is none is refused by name", async () => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async (context) => {
      const messages = [{ role: "User", content: [{ text: "Hi" }] }] as never;
      expect(await rejection(context.converse({ messages }))).toMatchObject({
        message:
          "converse: messages[0].role must be one of user, assistant, system.",
      });
    });
  });

  test("a block without a value is refused by name", async () => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async (context) => {
      const messages = [
        { role: "user", content: [{ toolUse: null }] },
      ] as never;
      expect(await rejection(context.converse({ messages }))).toMatchObject({
        message: "converse: messages[0].content[0].toolUse must be an object.",
      });
    });
  });
});

describe.each(middyMajors)(
  "settings of all calls and of one, on %s",
  (_name, middy) => {
    test("are merged key by key: a service tier does not switch off the guardrail", async () => {
      const model = new MockProvider();
      const guardrailConfig = { guardrailIdentifier: "gr" };
      await run(middy, [model.middleware()], async (context) => {
        Object.assign(invocationOf(context).defaults, {
          bedrock: { guardrailConfig },
          tags: { team: "a" },
        });
        await context.invoke(
          "Hi",
          {},
          {
            bedrock: { serviceTier: { type: "flex" } },
            tags: { call: "b" },
          },
        );
      });
      expect(model.calls[0]?.request).toMatchObject({
        bedrock: { guardrailConfig, serviceTier: { type: "flex" } },
        tags: { team: "a", call: "b" },
      });
    });
  },
);

describe.each(middyMajors)(
  "the end of an invocation, on %s",
  (_name, middy) => {
    test("does not wait for a finalizer that never ends", async () => {
      const model = new MockProvider();
      const answer = await run(
        middy,
        [model.middleware()],
        async (context) => {
          invocationOf(context).addFinalizer(() => new Promise(() => {}));
          return "answer";
        },
        new MockLambdaContext({ timeoutMs: 300 }),
      );
      expect(answer).toBe("answer");
      expect(printed()).toEqual([NOT_WAITED_FOR]);
    });

    test("refuses to count tokens after it, and aborts counting before it", async () => {
      const model = new MockProvider();
      const context = await run(
        middy,
        [model.middleware()],
        async (context) => ({ context }),
      );
      const request = {
        messages: [{ role: "user", content: [{ text: "Hi" }] }],
      } as const;
      expect(
        await rejection(context.context.llm.countTokens(request)),
      ).toMatchObject({
        message: expect.stringContaining("The invocation has ended"),
      });
    });

    test("a deadline that is no number changes nothing", async () => {
      const model = new MockProvider();
      await run(middy, [model.middleware()], async (context) => {
        const invocation = invocationOf(context);
        const { deadline } = invocation;
        invocation.tightenDeadline(Number.NaN);
        expect(invocation.deadline).toBe(deadline);
      });
    });
  },
);
