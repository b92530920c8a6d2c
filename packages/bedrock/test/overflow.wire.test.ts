import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import { type ConverseRequest, type LLMContext, Model } from "@lambdallm/core";
import { type Adaptation, invocationOf } from "@lambdallm/core/feature";
import type { LocalBedrock } from "@lambdallm/local";
import retryFallback, { resetRetryState } from "@lambdallm/retry-fallback";
import { MockLambdaContext } from "@lambdallm/testing";
import { fakeDate } from "../../../test-support/fake-date.ts";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  bodyOf,
  clientConfig,
  type Fault,
  failureOf,
  REGION,
  start,
} from "./support.ts";

const SONNET = `global.${Model.CLAUDE_SONNET_4}`;

let local: LocalBedrock;
beforeAll(async () => {
  local = await start({ respond: () => "fine", now: () => Date.now() });
});
beforeEach(() => {
  // A day on which all of the models answer.
  fakeDate(Date.UTC(2026, 0, 1));
  local.reset();
  resetRetryState();
});
afterEach(() => {
  jest.useRealTimers();
});
afterAll(() => local.close());

const refused = (message: string): Fault => ({
  error: "ValidationException",
  message: `The model returned the following errors: ${message}`,
});

const noRoom = (prompt: number, maxTokens: number, context = 200_000) =>
  refused(
    `input length and \`max_tokens\` exceed context limit: ${prompt} + ${maxTokens} > ${context}, decrease input length or \`max_tokens\` and try again`,
  );

const maxTokensAsked = () =>
  local.requests.map(
    ({ body }) =>
      (body as { inferenceConfig: { maxTokens: number } }).inferenceConfig
        .maxTokens,
  );

describe.each(middyMajors)("A context that is too small, on %s", (_, middy) => {
  /** What one invocation gives, and what its events say of adapted requests. */
  async function run<Result>(
    call: (context: LLMContext) => Promise<Result>,
    fallbackModel?: string,
  ) {
    const adaptations: Adaptation[] = [];
    let attempts = 0;
    const handler = middy()
      .use(
        bedrock({
          model: SONNET,
          region: REGION,
          inferenceProfile: "none",
          clientConfig: clientConfig(local),
        }),
      )
      .use({
        before: async ({ context }) => {
          const { events } = invocationOf(context);
          events.on("request-adapted", (event) => {
            adaptations.push(...event.adaptations);
          });
          events.on("attempt-start", () => {
            attempts += 1;
          });
        },
      });
    const built = fallbackModel
      ? handler.use(retryFallback({ fallbackModel, maxRetries: 0 }))
      : handler;
    const { result } = await built.handler(async (_event, context) => ({
      result: await call(context),
    }))({}, new MockLambdaContext());
    return { result, adaptations, attempts };
  }

  const converse =
    (more: Partial<ConverseRequest> = {}) =>
    (context: LLMContext) =>
      context.converse({
        messages: [{ role: "user", content: [{ text: "Hello" }] }],
        ...more,
      });

  test("for the default of maxTokens beside the prompt is asked again with what fits, in the same attempt", async () => {
    for (const more of [{}, { onDelta: () => {} }]) {
      local.reset();
      local.setFaults([noRoom(199_759, 4_096)]);
      const { result, adaptations, attempts } = await run(converse(more));
      expect(result).toMatchObject({ text: "fine", attempts: 1 });
      expect(attempts).toBe(1);
      expect(maxTokensAsked()).toEqual([4_096, 241]);
      expect(adaptations).toEqual([
        {
          setting: "maxTokens",
          change: "changed",
          reason:
            "the model's context has room for 241 tokens beside the prompt",
        },
      ]);
    }
  });

  test("for another default as well, such as a Prompt's", async () => {
    local.setFaults([noRoom(199_759, 1_024)]);
    await run((context) =>
      invocationOf(context).callModel({
        model: SONNET,
        messages: [{ role: "user", content: [{ text: "Hello" }] }],
        defaults: { maxTokens: 1_024 },
      }),
    );
    expect(maxTokensAsked()).toEqual([1_024, 241]);
  });

  test("for an answer in a shape as well", async () => {
    local.setFaults([noRoom(199_759, 4_096)]);
    const { result } = await run(
      converse({ output: { schema: { type: "string" } } }),
    );
    expect(result).toMatchObject({ output: { text: "fine" } });
    expect(maxTokensAsked()).toEqual([4_096, 241]);
  });

  test("is told where the caller's own maxTokens is too much", async () => {
    local.setFaults([noRoom(199_759, 8_192)]);
    const error = await failureOf(run(converse({ maxTokens: 8_192 })));
    expect(error).toMatchObject({
      reason: "context-overflow",
      retryable: false,
      billed: "none",
      message: expect.stringContaining("lower maxTokens to 241 or less"),
    });
    expect(local.requests).toHaveLength(1);
  });

  test("for what is left, too: that is asked once, not for ever", async () => {
    local.setFaults([noRoom(199_759, 4_096), noRoom(199_800, 241)]);
    expect(await failureOf(run(converse()))).toMatchObject({
      reason: "context-overflow",
    });
    expect(maxTokensAsked()).toEqual([4_096, 241]);
  });

  test.each<[string, Fault]>([
    ["nothing at all", noRoom(200_000, 4_096)],
    ["less than nothing", noRoom(205_000, 4_096)],
    [
      "an unknown number of tokens",
      refused(
        "This model's maximum context length is 202752 tokens. However, you requested 4096 output tokens and your prompt contains at least 198657 input tokens, for a total of at least 202753 tokens.",
      ),
    ],
    ["nobody knows what", refused("prompt is too long: 9 tokens > 8 maximum")],
  ])("for %s beside the prompt is an error at once", async (_room, fault) => {
    local.setFaults([fault]);
    expect(await failureOf(run(converse()))).toMatchObject({
      reason: "context-overflow",
      message: expect.stringContaining("cannot take a prompt of this length"),
    });
    expect(local.requests).toHaveLength(1);
  });

  test("for a budget of thinking is an error: what fits would all be thought away", async () => {
    local.setFaults([noRoom(199_000, 6_096)]);
    const thinking = { type: "enabled", budget_tokens: 2_000 };
    expect(
      await failureOf(
        run(
          converse({ bedrock: { additionalModelRequestFields: { thinking } } }),
        ),
      ),
    ).toMatchObject({ reason: "context-overflow" });
    expect(maxTokensAsked()).toEqual([6_096]);
  });

  test.each([
    [
      "This model's maximum context length is 8192 tokens. However, you requested 12000 tokens (8000 in the messages, 4000 in the completion). Please reduce the length of the messages or completion.",
      192,
    ],
    [
      "This model's maximum context length is 8192 tokens. However, you requested 4096 output tokens and your prompt contains 8000 input tokens.",
      192,
    ],
  ])("in other vendors' words: %s", async (message, room) => {
    local.setFaults([refused(message)]);
    await run(converse());
    expect(maxTokensAsked()).toEqual([4_096, room]);
  });

  test("is a matter for a fallback with more room, whatever the words", async () => {
    const large = Model.NOVA_2_LITE; // 1,000,000 tokens
    for (const fault of [
      refused("prompt is too long: 903884 tokens > 200000 maximum"),
      refused(
        "This model's maximum context length is 202752 tokens. However, you requested 65536 output tokens and your prompt contains at least 137217 input tokens.",
      ),
      noRoom(250_000, 4_096),
    ]) {
      local.reset();
      local.setFaults([fault]);
      const { result } = await run(converse(), large);
      expect(result).toMatchObject({ text: "fine", model: large });
      expect(local.requests.map(({ modelId }) => modelId)).toEqual([
        SONNET,
        large,
      ]);
    }
    local.reset();
    local.setFaults([noRoom(199_759, 8_192)]);
    await run(converse({ maxTokens: 8_192 }), large);
    expect(bodyOf(local)).toMatchObject({
      inferenceConfig: { maxTokens: 8_192 },
    });
  });
});
