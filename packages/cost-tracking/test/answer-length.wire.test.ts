import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { type BedrockOptions, bedrock } from "@lambdallm/bedrock";
import { type LLMContext, Prompt, registerModel } from "@lambdallm/core";
import costTracking from "@lambdallm/cost-tracking";
import {
  type Fault,
  type LocalBedrock,
  type Reply,
  startBedrock,
} from "@lambdallm/local";
import { rejection, run, storeWith } from "./support.ts";

let local: LocalBedrock;
let reply: Reply;
beforeAll(async () => {
  local = await startBedrock({
    now: () => Date.UTC(2026, 10, 22),
    respond: () => reply,
  });
});
beforeEach(() => {
  local.reset();
  reply = "Yes";
});
afterAll(() => local.close());

/** 5.5 USD a million tokens: the default model in the profile of the geography. */
const NANO_USD_PER_TOKEN = 5_500;
/** More than the input of any of these calls, and less than 1,000 tokens of an answer. */
const INPUT_NANO_USD = 5_000_000;

const thinking = {
  additionalModelRequestFields: {
    thinking: { type: "enabled", budget_tokens: 2_000 },
  },
};
const prompt = new Prompt({ name: "ask", template: "Hi" });
const overflow: Fault = {
  error: "ValidationException",
  message:
    "The model returned the following errors: input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000, decrease input length or `max_tokens` and try again",
};

/** What is set aside for each attempt, and the `maxTokens` of each request that was sent. */
async function calling(
  call: (context: LLMContext) => Promise<unknown>,
  options: BedrockOptions = {},
) {
  const store = storeWith();
  const reserved: number[] = [];
  const { reserve } = store.real;
  store.budgets.reserve = (request) => {
    reserved.push(request.amountNanoUsd);
    return reserve(request);
  };
  const provider = bedrock({
    region: "us-east-1",
    ...options,
    clientConfig: {
      endpoint: local.url,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    },
  });
  await run(
    { provider, use: [costTracking({ store, dailyBudgetUsd: 10 })] },
    call,
  );
  const sent = local.requests.map(
    // Requests that the SDK has written.
    ({ body }) =>
      (body as { inferenceConfig: { maxTokens: number } }).inferenceConfig
        .maxTokens,
  );
  return { reserved, sent };
}

test.each<
  [
    what: string,
    call: (context: LLMContext) => Promise<unknown>,
    tokens: readonly number[],
    options?: BedrockOptions,
  ]
>([
  ["nothing", ({ invoke }) => invoke("Hi"), [4_096]],
  ["the provider", ({ invoke }) => invoke("Hi"), [300], { maxTokens: 300 }],
  ["a prompt's default", ({ invoke }) => invoke(prompt), [1_024]],
  [
    "the call",
    ({ invoke }) => invoke("Hi", undefined, { maxTokens: 700 }),
    [700],
  ],
  [
    "the model's limit",
    ({ invoke }) => invoke("Hi", undefined, { maxTokens: 100_000 }),
    [63_999],
  ],
  [
    "the default beside a budget of thinking",
    ({ invoke }) => invoke("Hi", undefined, { bedrock: thinking }),
    [6_096],
  ],
  [
    "a prompt's default beside a budget of thinking",
    ({ invoke }) => invoke(prompt, {}, { bedrock: thinking }),
    [3_024],
  ],
  [
    "an answer in a shape, and the second try of one that was cut",
    ({ invokeStructured }) =>
      rejection(invokeStructured("Hi", { a: "string" }, {})),
    [4_096, 16_384],
  ],
])(
  "What is set aside covers the answer that the service is asked for, and no more: as long as %s says",
  async (_what, call, tokens, options = {}) => {
    if (tokens.length > 1)
      reply = { content: [{ text: '{"a": "' }], stopReason: "max_tokens" };
    const { reserved, sent } = await calling(call, options);
    expect(sent).toEqual(tokens);
    expect(reserved).toHaveLength(tokens.length);
    for (const [index, nanoUsd] of reserved.entries()) {
      const answer = (tokens[index] ?? 0) * NANO_USD_PER_TOKEN;
      expect(nanoUsd).toBeGreaterThan(answer);
      expect(nanoUsd).toBeLessThan(answer + INPUT_NANO_USD);
    }
  },
);

test("What is set aside covers a request that is sent again with a smaller maxTokens", async () => {
  local.setFaults([overflow]);
  const { reserved, sent } = await calling(({ invoke }) => invoke("Hi"));
  expect(sent[0]).toBe(4_096);
  expect(sent[1]).toBeLessThan(4_096);
  expect(reserved).toHaveLength(1);
  expect(reserved[0]).toBeGreaterThan(4_096 * NANO_USD_PER_TOKEN);
});

test("What is set aside covers the profile that a bare id goes to, when that may write more", async () => {
  const model = "test.profiled-v1:0";
  const prices = { input: 1, output: 5.5 };
  registerModel(model, {
    prices,
    contextWindowTokens: 100_000,
    maxOutputTokens: 1_000,
    profiles: ["us"],
  });
  registerModel(`us.${model}`, { baseModel: model, maxOutputTokens: 2_000 });
  const { reserved, sent } = await calling(({ invoke }) =>
    invoke("Hi", undefined, { model }),
  );
  expect(local.requests[0]?.modelId).toBe(`us.${model}`);
  expect(sent).toEqual([2_000]);
  expect(reserved[0]).toBeGreaterThan(2_000 * NANO_USD_PER_TOKEN);
});
