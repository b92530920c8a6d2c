import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import {
  type ContentBlock,
  type Message,
  registerModel,
} from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking from "@lambdallm/cost-tracking";
import {
  answerOf,
  DOLLAR,
  providerOf,
  rejection,
  run,
  stopClock,
  used,
} from "./support.ts";

beforeEach(() => stopClock());
afterEach(() => {
  jest.useRealTimers();
});

/** A million tokens of input cost 1 USD, of output nothing. */
const DEAR = "content-test.dear";
const CHEAP = "content-test.cheap";
registerModel(DEAR, {
  prices: { input: 1, output: 0 },
  contextWindowTokens: 1_000_000,
});
registerModel(CHEAP, {
  prices: { input: 0.1, output: 0 },
  contextWindowTokens: 10_000,
  prefill: false,
});

const bytes = new Uint8Array(4_500_000);
const document = (format: string, source: object = { bytes }) => ({
  document: { name: "file", format, source },
});
const asking = (...content: readonly object[]): Message => ({
  role: "user",
  // Blocks as the service takes them.
  content: [{ text: "Well?" }, ...content] as ContentBlock[],
});

describe("A downgrade", () => {
  /** Which model has answered, of a call that the dear one has no budget for. */
  const answered = async (...messages: readonly Message[]) =>
    answeredBy([CHEAP], ...messages);
  const answeredBy = async (
    downgradeTo: readonly string[],
    ...messages: readonly Message[]
  ) => {
    const models: string[] = [];
    const provider = providerOf(async ({ model }) => {
      models.push(model);
      return answerOf({ model });
    });
    const use = [
      costTracking({
        store: memoryStores(),
        dailyBudgetUsd: 0.001,
        onExceeded: "downgrade",
        downgradeTo,
      }),
    ];
    const failed = await rejection(
      run({ provider, use }, async ({ converse }) => {
        await converse({ model: DEAR, messages });
        throw new Error("answered");
      }),
    );
    return [...models, String(failed)];
  };
  const ANSWERED = [CHEAP, "Error: answered"];

  test.each([
    ["a large PDF", document("pdf")],
    ["a large table", document("xlsx")],
    ["a PDF in S3", document("pdf", { s3Location: { uri: "s3://a/b" } })],
    ["a video", { video: { format: "mp4", source: { bytes } } }],
  ])(
    "is not kept from a model by what a file may come to: %s",
    async (_name, block) => {
      expect(await answered(asking(block))).toEqual(ANSWERED);
    },
  );

  test("is kept from it by texts that are too long, those of files included", async () => {
    const text = Buffer.from("four".repeat(11_000));
    expect(await answered(asking(document("txt", { bytes: text })))).toEqual([
      expect.stringContaining("BudgetExceededError"),
    ]);
  });

  test("does not go to a model of which nobody knows what it could cost", async () => {
    const unmeasured = "content-test.unmeasured";
    registerModel(unmeasured, { prices: { input: 0.05, output: 0 } });
    const inS3 = document("pdf", { s3Location: { uri: "s3://a/b" } });
    expect(await answeredBy([unmeasured], asking(inS3))).toEqual([
      expect.stringContaining("BudgetExceededError"),
    ]);
    expect(await answeredBy([unmeasured, CHEAP], asking(inS3))).toEqual(
      ANSWERED,
    );
  });

  test("does not go to a model that continues no answer", async () => {
    const beginning: Message = { role: "assistant", content: [{ text: "[" }] };
    const question = asking(document("pdf"));
    expect(await answered(question, beginning)).toEqual([
      expect.stringContaining("BudgetExceededError"),
    ]);
    expect(await answered(question, beginning, asking())).toEqual(ANSWERED);
  });
});

describe("What is nested without an end", () => {
  const deep = () => {
    let input: object = {};
    for (let level = 0; level < 20_000; level++) input = { input };
    return input;
  };
  const circle = () => {
    const input: Record<string, unknown> = {};
    input["input"] = input;
    return input;
  };

  test.each([
    ["20,000 levels of JSON", deep],
    ["what contains itself", circle],
  ])(
    "sets the context window aside, and breaks nothing: %s",
    async (_name, inputOf) => {
      const toolUse = { toolUseId: "1", name: "weather", input: inputOf() };
      // Behind the checks of a call, as an interceptor may put it there.
      const nesting: MiddyMiddleware = {
        before: async ({ context }) => {
          invocationOf(context).intercept("call", "nesting", (request, next) =>
            next({
              ...request,
              messages: [...request.messages, asking({ toolUse })],
            }),
          );
        },
      };
      const store = memoryStores();
      const both = Promise.withResolvers<unknown>();
      let calls = 0;
      const provider = providerOf(async ({ model }) => {
        calls += 1;
        if (calls === 2) both.resolve(used(store));
        await both.promise;
        return answerOf({ model });
      });
      const use = [
        nesting,
        costTracking({
          store,
          dailyBudgetUsd: 1.5,
          onExceeded: "downgrade",
          downgradeTo: [CHEAP],
        }),
      ];
      const models = await run({ provider, use }, async ({ converse }) => {
        const call = () => converse({ model: DEAR, messages: [asking()] });
        return (await Promise.all([call(), call()])).map(({ model }) => model);
      });
      expect(models).toEqual([DEAR, CHEAP]);
      expect(await both.promise).toMatchObject({
        dayNanoUsd: DOLLAR + DOLLAR / 1_000,
      });
    },
  );
});
