import { describe, expect, test } from "@jest/globals";
import { type ModelResponse, registerModel } from "@lambdallm/core";
import {
  type InvocationEvents,
  invocationOf,
  type ModelRequest,
  maxTokensOf,
  type ProviderResponse,
} from "@lambdallm/core/feature";
import { middyMajors } from "../../../test-support/middy.ts";
import { answerOf, providerOf, rejection, run } from "./support.ts";

const schema = { title: "string" } as const;
const good = answerOf('{"title":"Sea"}');
const empty = answerOf("", { message: { role: "assistant", content: [] } });

/** Gives its answers in this order, and remembers what it was asked. */
const answering = (...answers: readonly ProviderResponse[]) => {
  const requests: ModelRequest[] = [];
  const middleware = providerOf(async (request) => {
    const { length } = requests;
    requests.push(request);
    return answers[Math.min(length, answers.length - 1)] ?? good;
  });
  return { middleware, requests };
};

describe.each(middyMajors)("an answer on %s", (_name, middy) => {
  test("that a guardrail came before is a GuardrailError with its usage, after one request", async () => {
    const blocked = { ...empty, stopReason: "guardrail_intervened" };
    const { middleware, requests } = answering(blocked);
    await run(middy, [middleware], async (context) => {
      const stream = context.stream("Hi");
      const objects = context.streamStructured("Hi", schema);
      const calls = [
        context.invoke("Hi"),
        context.invokeStructured("Hi", schema, {}, { maxRepairs: 3 }),
        stream.response,
        objects.object,
      ];
      for (const call of calls)
        expect(await rejection(call)).toMatchObject({
          name: "GuardrailError",
          stopReason: "guardrail_intervened",
          response: { text: "", usage: empty.usage },
        });
      expect(context.metrics).toMatchObject({ calls: 4, failedAttempts: 0 });
    });
    expect(requests).toHaveLength(4);
  });

  test("without any content is an empty answer", async () => {
    const { middleware, requests } = answering(empty);
    await run(middy, [middleware], async (context) => {
      expect(await context.invoke("Hi")).toBe("");
      const pieces: string[] = [];
      for await (const piece of context.stream("Hi")) pieces.push(piece);
      expect(pieces).toEqual([]);
    });
    expect(requests).toHaveLength(2);
  });

  test("without any content is asked for again where a value is wanted", async () => {
    const { middleware, requests } = answering(empty, good);
    const value = await run(middy, [middleware], (context) =>
      context.invokeStructured("Hi", schema),
    );
    expect(value).toEqual({ title: "Sea" });
    expect(requests[1]?.messages.slice(1)).toEqual([
      { role: "assistant", content: [{ text: "(no answer)" }] },
      {
        role: "user",
        content: [{ text: expect.stringContaining("the answer is empty") }],
      },
    ]);
  });
});

describe.each(middyMajors)("a value that was cut on %s", (_name, middy) => {
  const cut = (changes: Partial<ProviderResponse> = {}) =>
    answerOf("{", { stopReason: "max_tokens", ...changes });
  registerModel("acme.exclusive-v1", {
    maxOutputTokens: 8_192,
    maxOutputExclusive: true,
  });
  registerModel("acme.small-v1", { maxOutputTokens: 4_096 });
  const thinking = {
    additionalModelRequestFields: {
      thinking: { type: "enabled", budget_tokens: 10_000 },
    },
  };

  /** The `maxTokens` of each request, of a model whose answers are always cut. */
  const rooms = async (
    options: Partial<ModelRequest>,
    changes: Partial<ProviderResponse> = {},
  ) => {
    const { model = "acme.unknown-v1" } = options;
    const { middleware, requests } = answering(cut({ model, ...changes }));
    const error = await run(middy, [middleware], (context) =>
      rejection(
        context.invokeStructured("Hi", schema, {}, { ...options, model }),
      ),
    );
    expect(error).toMatchObject({
      name: "StructuredOutputError",
      attempts: requests.length,
    });
    return requests.map((request) => maxTokensOf(request, undefined));
  };

  test.each<
    readonly [
      what: string,
      options: Partial<ModelRequest>,
      expected: readonly number[],
      changes?: Partial<ProviderResponse>,
    ]
  >([
    ["after the default, four times as much", {}, [4_096, 16_384]],
    ["after your own", { maxTokens: 100 }, [100, 400]],
    [
      "below a limit that is exclusive",
      { model: "acme.exclusive-v1" },
      [4_096, 8_191],
    ],
    [
      "below it after your own, too",
      { model: "acme.exclusive-v1", maxTokens: 8_000 },
      [8_000, 8_191],
    ],
    ["not where the model has no more", { model: "acme.small-v1" }, [4_096]],
    [
      "nor after your own that is more than it has",
      { model: "acme.small-v1", maxTokens: 9_000 },
      [9_000],
    ],
    ["beside a budget of thinking", { bedrock: thinking }, [14_096, 56_384]],
    [
      "never less than what the answer had",
      {},
      [4_096, 36_000],
      { usage: { ...good.usage, outputTokens: 9_000 } },
    ],
    [
      "not of a managed prompt, which says it itself",
      { model: "arn:aws:bedrock:eu-west-1:111122223333:prompt/ABC:1" },
      [4_096],
    ],
  ])(
    "is asked for with more room: %s",
    async (_what, options, expected, changes = {}) => {
      expect(await rooms(options, changes)).toEqual(expected);
    },
  );

  test("at the length that a managed prompt allows has no hint", async () => {
    const model = "arn:aws:bedrock:eu-west-1:111122223333:prompt/ABC:1";
    const { middleware } = answering(cut({ model }));
    const response = await run(middy, [middleware], async (context) => ({
      response: await context.converse({
        model,
        messages: [{ role: "user", content: [{ text: "Hi" }] }],
      }),
    }));
    expect(response.response).not.toHaveProperty("hint");
  });

  test("by the default says so again, and the caller's own maxTokens never", async () => {
    const hints: unknown[] = [];
    const events: InvocationEvents["answer-cut"][] = [];
    const onResponse = ({ hint }: ModelResponse) => hints.push(hint);
    const { middleware } = answering(cut());
    await run(middy, [middleware], async (context) => {
      invocationOf(context).events.on("answer-cut", (event) =>
        events.push(event),
      );
      for (const options of [{}, { maxTokens: 50 }])
        await rejection(
          context.invokeStructured(
            "Hi",
            schema,
            {},
            { ...options, onResponse },
          ),
        );
    });
    expect(hints).toEqual([
      expect.stringContaining("4096 tokens"),
      expect.stringContaining("16384 tokens"),
      undefined,
      undefined,
    ]);
    expect(events).toMatchObject([
      { callId: 1, attempt: 1, maxTokens: 4_096 },
      { callId: 2, attempt: 1, maxTokens: 16_384 },
    ]);
  });
});
