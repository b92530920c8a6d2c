import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import type { LLMContext } from "@lambdallm/core";
import costTracking from "@lambdallm/cost-tracking";
import { type Fault, type LocalBedrock, startBedrock } from "@lambdallm/local";
import retryFallback from "@lambdallm/retry-fallback";
import { MockLambdaContext } from "@lambdallm/testing";
import { run, storeWith, used } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await startBedrock({
    now: () => Date.UTC(2026, 10, 22),
    respond: () => ({
      content: [{ text: '{"a":"b"}' }],
      chunks: ['{"a"', ':"b"}'],
      usage: { inputTokens: 1_000, outputTokens: 100 },
    }),
  });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

/** 1.1 and 5.5 USD a million tokens: the default model in the profile of the geography. */
const BILL = 1_000 * 1_100 + 100 * 5_500;

const options = { maxTokens: 500 };
const invoke = ({ invoke }: LLMContext) => invoke("Hi", undefined, options);
const stream = async (context: LLMContext) => {
  let text = "";
  for await (const piece of context.stream("Hi", undefined, options))
    text += piece;
  return text;
};
const structured = (context: LLMContext) =>
  context.invokeStructured("Hi", { a: "string" }, undefined, options);

const broken: Fault = { cut: "body" };
const late: Fault = { latencyMs: 60_000 };
const refused: Fault = {
  error: "ValidationException",
  message: "output_config.format: Extra inputs are not permitted",
};

test.each<
  [
    what: string,
    call: (context: LLMContext) => Promise<unknown>,
    faults: readonly Fault[],
    charged: {
      readonly requests: number;
      readonly bills: number;
      readonly worst: number;
    },
    timeoutMs?: number,
  ]
>([
  ["an answer", invoke, [], { requests: 1, bills: 1, worst: 0 }],
  ["a stream", stream, [], { requests: 1, bills: 1, worst: 0 }],
  [
    "an answer after errors that are not billed",
    invoke,
    [
      { error: "ThrottlingException" },
      { error: "InternalServerException" },
      { cut: "before" },
    ],
    // Of a connection that was lost nobody knows.
    { requests: 4, bills: 1, worst: 1 },
  ],
  [
    "a model that failed, then answered",
    invoke,
    [{ error: "ModelErrorException" }],
    { requests: 2, bills: 1, worst: 1 },
  ],
  [
    "a broken answer, then a whole one",
    invoke,
    [broken],
    { requests: 2, bills: 1, worst: 1 },
  ],
  [
    "a stream that broke before its first piece, then a whole one",
    stream,
    [broken],
    { requests: 2, bills: 1, worst: 1 },
  ],
  [
    "a stream that broke after its first piece, which is not repeated",
    stream,
    [{ cut: "body", afterEvents: 3 }],
    { requests: 1, bills: 0, worst: 1 },
  ],
  [
    "a stream without usage",
    stream,
    [{ withoutMetadata: true }],
    { requests: 1, bills: 0, worst: 1 },
  ],
  [
    "a refusal",
    invoke,
    [{ error: "AccessDeniedException" }],
    { requests: 1, bills: 0, worst: 0 },
  ],
  [
    "an answer that is too late",
    invoke,
    [late],
    { requests: 1, bills: 0, worst: 1 },
    4_000,
  ],
  [
    "a stream that is too late",
    stream,
    [late],
    { requests: 1, bills: 0, worst: 1 },
    4_000,
  ],
  [
    "an answer in a shape, whose first request was refused: one attempt",
    structured,
    [refused],
    { requests: 2, bills: 1, worst: 0 },
  ],
])(
  "The ledger has what the service bills for %s",
  async (_what, call, faults, expected, timeoutMs = 60_000) => {
    local.setFaults(faults);
    const store = storeWith();
    const reserved: number[] = [];
    const { reserve } = store.real;
    store.budgets.reserve = (request) => {
      reserved.push(request.amountNanoUsd);
      return reserve(request);
    };
    const provider = bedrock({
      region: "us-east-1",
      clientConfig: {
        endpoint: local.url,
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      },
    });
    const use = [
      retryFallback({ baseDelayMs: 1, throttledBaseDelayMs: 1, maxDelayMs: 2 }),
      costTracking({ store, dailyBudgetUsd: 1 }),
    ];
    const context = new MockLambdaContext({ timeoutMs });
    await run({ provider, use, context }, call).catch(() => {});
    const [worst = 0] = reserved;
    expect(worst).toBeGreaterThan(BILL);
    expect(local.requests).toHaveLength(expected.requests);
    expect(await used(store)).toMatchObject({
      dayNanoUsd: expected.bills * BILL + expected.worst * worst,
      inFlight: 0,
    });
  },
);
