import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import {
  type ConverseRequest,
  type Message,
  Model,
  registerModel,
  type Tool,
} from "@lambdallm/core";
import { invocationOf, type ModelRequest } from "@lambdallm/core/feature";
import {
  type RetryFallbackOptions,
  resetRetryState,
} from "@lambdallm/retry-fallback";
import { MockProvider, type MockResponse } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  byModel,
  FIRST,
  failure,
  fakeClock,
  heard,
  hello,
  play,
  SECOND,
  THIRD,
  timePasses,
} from "./support.ts";

beforeEach(() => {
  resetRetryState();
  fakeClock();
});
afterEach(() => {
  jest.useRealTimers();
});

const messages: readonly Message[] = [
  { role: "user", content: [{ text: "Hello" }] },
];
const tool: Tool = {
  toolSpec: { name: "weather", inputSchema: { json: { type: "object" } } },
};
const png = {
  image: { format: "png", source: { bytes: new Uint8Array([1]) } },
} as const;

describe.each(middyMajors)("the fallback models on %s", (_name, middy) => {
  const ask = (
    answers: Readonly<Record<string, MockResponse>>,
    options: RetryFallbackOptions,
    request: Partial<ConverseRequest> = {},
    timeoutMs?: number,
  ) =>
    timePasses(
      play(
        middy,
        {
          responses: [byModel(answers)],
          options,
          ...(timeoutMs !== undefined && { timeoutMs }),
        },
        async ({ converse }) => converse({ messages, ...request }),
      ),
    );

  test("are asked when the retries are used up, each with retries of its own", async () => {
    const { result, asked } = await ask(
      {
        [FIRST]: failure("unavailable"),
        [SECOND]: failure("throttled", { model: SECOND }),
        [THIRD]: "ok",
      },
      { maxRetries: 1, fallbackModels: [SECOND, THIRD] },
    );
    expect(asked).toEqual([FIRST, FIRST, SECOND, SECOND, THIRD]);
    expect(result).toMatchObject({ text: "ok", model: THIRD, attempts: 5 });
  });

  test.each(["model-retired", "capability", "context-overflow", "quota"])(
    "are asked at once after %s",
    async (reason) => {
      const start = Date.now();
      const { result, asked, events } = await ask(
        { [FIRST]: failure(reason), [THIRD]: "ok" },
        { fallbackModel: THIRD },
      );
      expect(asked).toEqual([FIRST, THIRD]);
      expect(result).toMatchObject({ text: "ok" });
      expect(Date.now()).toBe(start);
      expect(events).toEqual([
        [
          "fallback",
          {
            callId: 1,
            from: FIRST,
            to: THIRD,
            error: expect.objectContaining({ reason }),
          },
        ],
      ]);
    },
  );

  test.each([
    "access-denied",
    "invalid-request",
    "credentials",
    "model-not-found",
    "something-new",
  ])("are not asked after %s", async (reason) => {
    const given = failure(reason);
    const { error, asked } = await ask(
      { [FIRST]: given, [SECOND]: "ok" },
      { fallbackModel: SECOND },
    );
    expect(asked).toEqual([FIRST]);
    expect(error).toBe(given);
  });

  test("are asked at once when the service asks for more patience than there is time", async () => {
    const { result, asked } = await ask(
      {
        [FIRST]: failure("throttled", { retryAfterMs: 20_000 }),
        [SECOND]: "ok",
      },
      { fallbackModel: SECOND },
      {},
      3_500,
    );
    expect(asked).toEqual([FIRST, SECOND]);
    expect(result).toMatchObject({ text: "ok" });
  });

  test("are not asked when there is too little time for an attempt", async () => {
    const { error, asked } = await ask(
      {
        [FIRST]: { delayMs: 2_500, error: failure("unavailable") },
        [SECOND]: "ok",
      },
      { fallbackModel: SECOND },
      { onDelta: () => {} },
      3_500,
    );
    expect(asked).toEqual([FIRST]);
    expect(error).toMatchObject({ reason: "unavailable" });
  });

  test("end with an error that lists every attempt at every model", async () => {
    const { error } = await ask(
      {
        [FIRST]: failure("unavailable"),
        [SECOND]: failure("access-denied", { model: SECOND }),
      },
      { maxRetries: 1, random: () => 0.5, fallbackModels: [SECOND, THIRD] },
    );
    expect(error).toMatchObject({
      message: `No complete answer after 3 attempts at ${FIRST}, ${SECOND}. The model failed: access-denied.`,
      reason: "access-denied",
      retryable: false,
      model: SECOND,
      errors: [
        { model: FIRST, waitMs: 0, error: { reason: "unavailable" } },
        { model: FIRST, waitMs: 100, error: { reason: "unavailable" } },
        { model: SECOND, waitMs: 0, error: { reason: "access-denied" } },
      ],
    });
  });

  test("show no account numbers in the error's message", async () => {
    const profile =
      "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc";
    const { error } = await ask(
      {
        [FIRST]: failure("model-retired"),
        [profile]: failure("model-retired", { model: profile }),
      },
      { fallbackModel: profile },
    );
    expect(error).toMatchObject({
      message: expect.stringMatching(/attempts at [^ ]+, abc\. /),
    });
  });

  test("are asked once: not again, and not when they were asked for in the first place", async () => {
    const { asked } = await ask(
      {
        [FIRST]: failure("model-retired"),
        [SECOND]: failure("model-retired"),
      },
      { fallbackModels: [FIRST, SECOND, SECOND] },
    );
    expect(asked).toEqual([FIRST, SECOND]);
  });

  test("are asked for another profile of the same model too", async () => {
    const global = `global.${FIRST}`;
    const { asked } = await ask(
      { [FIRST]: failure("quota"), [global]: "ok" },
      { fallbackModel: global },
    );
    expect(asked).toEqual([FIRST, global]);
  });

  test("get the request without what only the first model understands", async () => {
    const { model } = await ask(
      { [FIRST]: failure("model-retired"), [SECOND]: "ok" },
      { fallbackModel: SECOND },
      {
        system: "Be brief.",
        temperature: 0,
        bedrock: {
          additionalModelRequestFields: { top_k: 5 },
          requestMetadata: { team: "a" },
        },
      },
    );
    const requests = model.calls.map(({ request }) => request);
    expect(requests[0]).toMatchObject({
      model: FIRST,
      bedrock: { additionalModelRequestFields: { top_k: 5 } },
    });
    expect(requests[1]).toMatchObject({
      model: SECOND,
      system: [{ text: "Be brief." }],
      temperature: 0,
    });
    expect(requests[1]?.bedrock).toEqual({ requestMetadata: { team: "a" } });
  });

  describe("are passed over", () => {
    const textOnly = Model.NOVA_MICRO;
    const withoutTools = Model.MISTRAL_7B;
    const withoutStreamedTools = Model.LLAMA3_3_70B;
    const pdf = {
      document: {
        name: "invoice",
        format: "pdf",
        source: { bytes: new Uint8Array([1]) },
      },
    } as const;
    const toolUse = {
      toolUse: { toolUseId: "1", name: "weather", input: {} },
    } as const;
    const result = (content: readonly (typeof png | { text: string })[]) =>
      ({ toolResult: { toolUseId: "1", content } }) as const;
    const history = (
      results: readonly (typeof png | { text: string })[],
    ): Message[] => [
      ...messages,
      { role: "assistant", content: [toolUse] },
      { role: "user", content: [result(results)] },
    ];

    test.each<[string, Partial<ModelRequest>, string, string]>([
      ["tools", { tools: [tool] }, withoutTools, "it has no tools"],
      [
        "tools in the history",
        { messages: history([{ text: "sunny" }]) },
        withoutTools,
        "it has no tools",
      ],
      [
        "tools in a stream",
        { tools: [tool], onDelta: () => {} },
        withoutStreamedTools,
        "it has no tools in streams",
      ],
      [
        "images",
        { messages: [{ role: "user", content: [png] }] },
        textOnly,
        "it reads no images",
      ],
      [
        "images in the result of a tool",
        { messages: history([png]) },
        textOnly,
        "it reads no images",
      ],
      [
        "PDF documents",
        { messages: [{ role: "user", content: [{ text: "?" }, pdf] }] },
        textOnly,
        "it reads no PDF documents",
      ],
    ])(
      "when the catalog says that they do not have %s",
      async (_what, request, unfit, why) => {
        const { result, asked } = await ask(
          { [FIRST]: failure("unavailable"), [THIRD]: "ok" },
          { maxRetries: 0, fallbackModels: [unfit, THIRD] },
          request,
        );
        expect(asked).toEqual([FIRST, THIRD]);
        expect(result).toMatchObject({ text: "ok" });

        resetRetryState();
        const { error } = await ask(
          { [FIRST]: failure("unavailable") },
          { maxRetries: 0, fallbackModel: unfit },
          request,
        );
        expect(error).toMatchObject({
          message: `No complete answer after 1 attempt at ${FIRST}. The model failed: unavailable.`,
          reason: "unavailable",
          retryable: true,
          errors: [
            { model: FIRST, error: { reason: "unavailable" } },
            {
              model: unfit,
              waitMs: 0,
              error: {
                reason: "capability",
                message: `The model ${unfit} was not asked: ${why}.`,
              },
            },
          ],
        });
      },
    );

    test.each<[string, Partial<ModelRequest>, string]>([
      ["no tools without a stream", { tools: [tool] }, withoutStreamedTools],
      [
        "no PDF, but the document is text",
        {
          messages: [
            {
              role: "user",
              content: [
                { text: "?" },
                {
                  document: {
                    name: "note",
                    format: "txt",
                    source: { text: "hi" },
                  },
                },
              ],
            },
          ],
        },
        textOnly,
      ],
      [
        "no schema, which can be asked for in another way",
        { output: { schema: { type: "object" } } },
        withoutTools,
      ],
      [
        "no system prompt, which can be said in another way",
        { system: [{ text: "Be brief." }] },
        Model.MISTRAL_7B,
      ],
    ])("but not for %s", async (_what, request, fit) => {
      const { asked } = await ask(
        { [FIRST]: failure("model-retired"), [fit]: "ok" },
        { fallbackModel: fit },
        request,
      );
      expect(asked).toEqual([FIRST, fit]);
    });

    test("from the day on which their life ends, though no other is left", async () => {
      const ending = "my.ending-model";
      registerModel(ending, { endOfLife: "2026-11-22" });
      const asks = async (now: number) => {
        jest.setSystemTime(now);
        const { asked, error } = await ask(
          { [FIRST]: failure("quota"), [ending]: "ok" },
          { fallbackModel: ending },
        );
        return { asked, error };
      };
      const day = Date.UTC(2026, 10, 22);
      expect(await asks(day - 1_000)).toMatchObject({ asked: [FIRST, ending] });
      expect(await asks(day)).toMatchObject({
        asked: [FIRST],
        error: {
          reason: "quota",
          errors: [
            { model: FIRST, reason: "quota" },
            {
              model: ending,
              reason: "capability",
              message: `The model ${ending} was not asked: it reached its end of life on 2026-11-22.`,
            },
          ],
        },
      });
    });

    test("by the Region of the provider", async () => {
      const moving = "my.moving-model";
      registerModel(moving, {
        endOfLife: "2026-11-22",
        stillActiveIn: ["eu-west-1"],
      });
      jest.setSystemTime(Date.UTC(2026, 10, 22));
      const asks = async (region: string) => {
        const model = new MockProvider({
          responses: [byModel({ [FIRST]: failure("quota"), [moving]: "ok" })],
        });
        // The mock is in no Region.
        const provider = Object.assign(model, { region });
        const options = { fallbackModel: moving };
        const scene = { model: provider, options };
        return (await timePasses(play(middy, scene, hello))).asked;
      };
      expect(await asks("us-east-1")).toEqual([FIRST]);
      expect(await asks("eu-west-1")).toEqual([FIRST, moving]);
    });

    test("with all that they cannot do", async () => {
      const { error } = await ask(
        { [FIRST]: failure("unavailable") },
        { maxRetries: 0, fallbackModel: withoutTools },
        {
          tools: [tool],
          messages: [{ role: "user", content: [png] }],
        },
      );
      expect(error).toMatchObject({
        errors: [
          { model: FIRST },
          {
            message: `The model ${withoutTools} was not asked: it has no tools, it reads no images.`,
          },
        ],
      });
    });

    test("but not when the catalog does not know them", async () => {
      const { asked } = await ask(
        { [FIRST]: failure("model-retired"), "my.model": "ok" },
        { fallbackModel: "my.model" },
        { tools: [tool], messages: [{ role: "user", content: [png] }] },
      );
      expect(asked).toEqual([FIRST, "my.model"]);
    });
  });

  describe("cure a context that is too small", () => {
    const broken = {
      text: "so far",
      stopReason: "model_context_window_exceeded",
    };

    test.each<[string, MockResponse]>([
      ["the service refuses the prompt", failure("context-overflow")],
      ["the answer did not fit any more", broken],
    ])("when theirs is larger: %s", async (_what, first) => {
      const small = Model.NOVA_MICRO; // 128,000 tokens; the first model has 200,000
      const large = Model.NOVA_2_LITE; // 1,000,000
      const { result, asked, events } = await ask(
        { [FIRST]: first, [large]: "ok" },
        { fallbackModels: [small, large] },
      );
      expect(asked).toEqual([FIRST, large]);
      expect(result).toMatchObject({ text: "ok" });
      expect(heard(events, "fallback")).toMatchObject([{ to: large }]);
    });

    test("when theirs is larger than each one that was too small", async () => {
      registerModel("my.registered-model", { tools: true });
      const { asked } = await ask(
        {
          [FIRST]: failure("context-overflow"),
          [THIRD]: failure("context-overflow", { model: THIRD }),
          "my.registered-model": failure("context-overflow"),
        },
        {
          fallbackModels: [
            THIRD, // 300,000 tokens
            "my.registered-model", // nobody knows how many
            SECOND, // 300,000 tokens
            Model.NOVA_2_LITE,
          ],
        },
      );
      expect(asked).toEqual([
        FIRST,
        THIRD,
        "my.registered-model",
        Model.NOVA_2_LITE,
      ]);
    });

    test("and else the answer comes back as far as it got", async () => {
      const { result, asked } = await ask(
        { [FIRST]: broken },
        { fallbackModel: Model.NOVA_MICRO },
      );
      expect(asked).toEqual([FIRST]);
      expect(result).toMatchObject(broken);
    });

    test("also of a model whose context nobody knows", async () => {
      const { asked } = await ask(
        { "my.model": failure("context-overflow"), [SECOND]: "ok" },
        { fallbackModel: SECOND },
        { model: "my.model" },
      );
      expect(asked).toEqual(["my.model", SECOND]);
    });
  });

  test("are not asked when the first model answers", async () => {
    const { asked, events } = await play(
      middy,
      { options: { fallbackModel: SECOND } },
      hello,
    );
    expect(asked).toEqual([FIRST]);
    expect(events).toEqual([]);
  });

  test("answer each of the calls that run at the same time for itself", async () => {
    const { result } = await timePasses(
      play(
        middy,
        {
          responses: [
            ({ model, messages: [first] }) =>
              model === FIRST
                ? failure("model-retired")
                : JSON.stringify(first?.content),
          ],
          options: { fallbackModel: SECOND },
        },
        async ({ invoke }) =>
          Promise.all([invoke("one"), invoke("two"), invoke("three")]),
      ),
    );
    expect(result).toEqual(
      ["one", "two", "three"].map((text) => JSON.stringify([{ text }])),
    );
  });

  test("are left alone when something else than a model fails on the way to them", async () => {
    const refused = new Error("over budget");
    const { error } = await timePasses(
      play(
        middy,
        {
          responses: [failure("model-retired")],
          options: { fallbackModels: [SECOND, THIRD] },
          others: [
            {
              before: async ({ context }) => {
                invocationOf(context).intercept(
                  "attempt",
                  "budget",
                  async (request, next) => {
                    if (request.model === SECOND) throw refused;
                    return next(request);
                  },
                );
              },
            },
          ],
        },
        hello,
      ),
    );
    expect(error).toBe(refused);
  });
});
