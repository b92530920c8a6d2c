import { describe, expect, test } from "@jest/globals";
import { Model, Prompt } from "@lambdallm/core";
import {
  DEFAULT_MAX_TOKENS,
  type InvocationEvents,
  invocationOf,
  largestMaxTokens,
  type ModelRequest,
  maxTokensOf,
  providerMiddleware,
  type RequestDefaults,
  thinkingOf,
} from "@lambdallm/core/feature";
import middy from "@middy/core";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  type HandlerContext,
  PRICED,
  providerOf,
  run,
} from "./support.ts";

/** What the provider is asked, when a handler asks like this. */
async function asked(
  ask: (context: HandlerContext) => Promise<unknown>,
  defaults: Partial<RequestDefaults> = {},
): Promise<ModelRequest> {
  const requests: ModelRequest[] = [];
  const call = async (request: ModelRequest) => {
    requests.push(request);
    return answerOf("Yes");
  };
  const provider = providerMiddleware({
    provider: { name: "test", call },
    defaults: { model: PRICED, ...defaults },
  });
  await run(middy, [provider], async (context) => {
    await ask(context);
  });
  const [request] = requests;
  if (request === undefined) throw new Error("nothing was asked");
  return request;
}

describe("What a call says comes before what its prompt says, the middleware, and the defaults", () => {
  const soft = new Prompt({ template: "Well?" });
  const firm = new Prompt({
    template: "Well?",
    maxTokens: 200,
    temperature: 0.2,
  });

  test.each([
    ["the call", firm, { maxTokens: 300 }, { maxTokens: 400 }, 300],
    ["the prompt's author", firm, {}, { maxTokens: 400 }, 200],
    ["the middleware", soft, {}, { maxTokens: 400 }, 400],
    ["the default of a prompt", soft, {}, {}, 1_024],
    ["the default of every call", "Well?", {}, {}, 4_096],
  ] as const)(
    "%s decides on maxTokens",
    async (_who, prompt, options, defaults, expected) => {
      const request = await asked(
        (context) => context.invoke(prompt as Prompt, {}, options),
        defaults,
      );
      expect(maxTokensOf(request, undefined)).toBe(expected);
    },
  );

  test("the same of the temperature, which only a prompt has a default of", async () => {
    const inherited = await asked((context) => context.invoke(soft, {}), {
      temperature: 0,
    });
    expect(inherited).toMatchObject({
      temperature: 0,
      defaults: { temperature: 0.7 },
    });
    const own = await asked((context) => context.invoke(firm, {}), {
      temperature: 0,
    });
    expect(own.temperature).toBe(0.2);
    expect(own.defaults).toEqual({});
    const plain = await asked((context) => context.invoke("Well?"));
    expect(plain).not.toHaveProperty("defaults");
  });

  test("structured and streamed calls bring them, too", async () => {
    const schema = { type: "string" } as const;
    const structured = await asked((context) =>
      context.invokeStructured(soft, schema, {}).catch(() => undefined),
    );
    expect(structured.defaults).toEqual({ maxTokens: 1_024, temperature: 0.7 });
    const streamed = await asked(async (context) => {
      for await (const _ of context.stream(soft, {}));
    });
    expect(streamed.defaults).toEqual({ maxTokens: 1_024, temperature: 0.7 });
  });
});

describe("Room for an answer", () => {
  const thinking = (fields: object) => ({
    bedrock: { additionalModelRequestFields: fields as Record<string, never> },
  });

  test.each([
    ["nothing said", {}, undefined, DEFAULT_MAX_TOKENS],
    ["a small model", {}, { id: "m", maxOutputTokens: 500 }, 500],
    [
      "an exclusive limit",
      {},
      { id: "m", maxOutputTokens: 500, maxOutputExclusive: true },
      499,
    ],
    [
      "more than there is",
      { maxTokens: 9_000 },
      { id: "m", maxOutputTokens: 500 },
      500,
    ],
    ["a default", { defaults: { maxTokens: 100 } }, undefined, 100],
    [
      "a default beside thinking",
      {
        defaults: { maxTokens: 100 },
        ...thinking({ thinking: { type: "enabled", budget_tokens: 2_000 } }),
      },
      undefined,
      2_100,
    ],
    [
      "a choice beside thinking",
      {
        maxTokens: 3_000,
        ...thinking({ thinking: { type: "enabled", budget_tokens: 2_000 } }),
      },
      undefined,
      3_000,
    ],
  ] as const)("%s", (_what, request, info, expected) => {
    expect(maxTokensOf(request, info)).toBe(expected);
  });

  test("has no limit that nobody knows", () => {
    expect(largestMaxTokens(undefined)).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    [{}, undefined],
    [{ thinking: { type: "disabled" } }, undefined],
    [{ thinking: null }, undefined],
    [{ thinking: "on" }, undefined],
    [{ thinking: { type: "adaptive" } }, { budgetTokens: undefined }],
    [
      { thinking: { type: "enabled", budget_tokens: "many" } },
      { budgetTokens: undefined },
    ],
    [
      { reasoning_config: { type: "enabled", budget_tokens: 1_024 } },
      { budgetTokens: 1_024 },
    ],
  ])("%j thinks like this: %j", (fields, expected) => {
    expect(thinkingOf(thinking(fields))).toEqual(expected);
  });

  test("nothing is thought without the field", () => {
    expect(thinkingOf({})).toBeUndefined();
  });
});

describe.each(middyMajors)(
  "An answer that was cut by the default, on Middy %s",
  (_major, middyMajor) => {
    async function cut(
      options: { readonly maxTokens?: number; readonly model?: string },
      stopReason = "max_tokens",
    ) {
      const events: InvocationEvents["answer-cut"][] = [];
      const provider = providerOf(async (request) =>
        answerOf("Half", { stopReason, model: request.model }),
      );
      const response = await run(middyMajor, [provider], async (context) => {
        invocationOf(context).events.on("answer-cut", (event) => {
          events.push(event);
        });
        const messages = [
          { role: "user" as const, content: [{ text: "Well?" }] },
        ];
        return { answered: await context.converse({ messages, ...options }) };
      });
      return { response: response.answered, events };
    }

    test("says so, in its hint and as an event", async () => {
      const { response, events } = await cut({});
      expect(response.hint).toBe(
        "The answer was cut after 4096 tokens, the default of maxTokens: give the call or the provider's middleware a maxTokens of its own.",
      );
      expect(events).toEqual([
        expect.objectContaining({ callId: 1, attempt: 1, maxTokens: 4_096 }),
      ]);
      expect(events[0]?.response.hint).toBe(response.hint);
    });

    test("does not say so where the prompt left room for no more", async () => {
      const provider = providerMiddleware({
        provider: {
          name: "test",
          call: async (_request, observer) => {
            observer?.onAdapted([
              { setting: "maxTokens", change: "changed", reason: "it fits" },
            ]);
            return answerOf("Half", { stopReason: "max_tokens" });
          },
        },
        defaults: { model: PRICED },
      });
      const { response } = await run(
        middyMajor,
        [provider],
        async (context) => ({
          response: await context.converse({
            messages: [{ role: "user", content: [{ text: "Well?" }] }],
          }),
        }),
      );
      expect(response).not.toHaveProperty("hint");
    });

    test.each([
      ["the caller's own maxTokens", { maxTokens: 10 }, "max_tokens"],
      ["the end of the answer", {}, "end_turn"],
      ["the model's own limit", { model: Model.LLAMA3_8B }, "max_tokens"],
    ])("does not say so of %s", async (_what, options, stopReason) => {
      const { response, events } = await cut(options, stopReason);
      expect(response).not.toHaveProperty("hint");
      expect(events).toEqual([]);
    });
  },
);

test("what a provider tells of a changed request reaches the observers of an outer provider as well", async () => {
  const heard: unknown[] = [];
  const adaptations = [
    { setting: "topP", change: "left-out", reason: "it has none" },
  ] as const;
  const outer = providerOf(async () => answerOf("Outer"));
  const inner = providerMiddleware({
    provider: {
      name: "inner",
      call: async (_request, observer) => {
        observer?.onAdapted(adaptations);
        return answerOf("Inner");
      },
    },
    defaults: { model: PRICED },
  });
  const listener = {
    before: async ({ context }: { context: HandlerContext }) => {
      invocationOf(context).events.on(
        "request-adapted",
        ({ callId, attempt, ...event }) => {
          heard.push({
            callId,
            attempt,
            adaptations: event.adaptations,
            model: event.request.model,
          });
        },
      );
    },
  };
  await run(middy, [outer, listener, inner], async (context) => {
    await context.invoke("Well?");
  });
  expect(heard).toEqual([
    { callId: 1, attempt: 1, adaptations, model: PRICED },
  ]);
});
