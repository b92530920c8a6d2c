import { expect, test } from "@jest/globals";
import {
  costOf,
  findModel,
  type LLMContext,
  listModels,
  type Message,
  registerModel,
  type Tool,
} from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import costTracking from "@lambdallm/cost-tracking";
import fc from "fast-check";
import { providerOf, run, storeWith } from "./support.ts";

const PRICE_IN = "test.input-v1:0";
/** 1 USD per million tokens. */
const NANO_PER_TOKEN = 1_000;
registerModel(PRICE_IN, {
  prices: { input: 1, output: 0 },
  maxOutputTokens: 1,
});

/** What is set aside for a call, in nano-USD. */
async function setAside(
  request: Parameters<LLMContext["converse"]>[0],
  region = "us-east-1",
): Promise<number> {
  const store = storeWith();
  let amount = Number.NaN;
  store.budgets.reserve = async (reserve) => {
    amount = reserve.amountNanoUsd;
    throw new Error("That is all.");
  };
  const { messages, ...rest } = request;
  // Behind the checks of a call: an interceptor may send what those refuse.
  const unchecked: MiddyMiddleware = {
    before: async ({ context }) => {
      invocationOf(context).intercept("call", "unchecked", (asked, next) =>
        next({ ...asked, messages }),
      );
    },
  };
  const use = [unchecked, costTracking({ store, dailyBudgetUsd: 1 })];
  const provider = providerOf(undefined, { region });
  await run({ provider, use }, ({ converse }) =>
    converse({
      ...rest,
      messages: [{ role: "user", content: [{ text: "Hi" }] }],
    }),
  ).catch(() => {});
  return amount;
}

const utf8 = (text: string) => Buffer.byteLength(text);
const escaped = (json: string) =>
  json.replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
/** The most tokens that a byte-level tokeniser makes of a text, whichever form it brings it into before. */
const ofText = (text: string) =>
  Math.max(
    utf8(text),
    utf8(text.normalize("NFC")),
    utf8(text.normalize("NFKC")),
  );
const ofJson = (value: unknown) => {
  const compact = JSON.stringify(value);
  const indented = JSON.stringify(value, undefined, 4);
  return Math.max(
    ofText(compact),
    ofText(indented),
    escaped(compact).length,
    escaped(indented).length,
  );
};

/** Long enough that what is added for templates and tools does not hide a wrong measure. */
const text = fc
  .tuple(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("\ufdfa", "\u0001", "\u00e9", "\u{1f600}", '"'),
    ),
    fc.constantFrom(1, 500),
  )
  .map(([value, times]) => `x${value.repeat(times)}`);
const value = fc.oneof(text, fc.jsonValue());
const json = fc.dictionary(text, value);
const tool = fc.record({ description: text, schema: json }).map(
  ({ description, schema }): Tool => ({
    toolSpec: { name: "t", description, inputSchema: { json: schema } },
  }),
);
const turn = fc.record({
  asked: text,
  answered: text,
  input: value,
  found: value,
});

test("What is set aside covers a token for every byte of a prompt, its tools and its tool calls", async () => {
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.array(turn, { maxLength: 3 }),
      fc.array(tool, { maxLength: 2 }),
      async (system, turns, tools) => {
        const messages = turns.flatMap(
          ({ asked, answered, input, found }): Message[] => [
            { role: "user", content: [{ text: asked }] },
            {
              role: "assistant",
              content: [
                {
                  reasoningContent: { reasoningText: { text: answered } },
                },
                { text: answered },
                // fast-check's JSON values are JSON values.
                {
                  toolUse: {
                    toolUseId: "1",
                    name: "t",
                    input: input as string,
                  },
                },
              ],
            },
            {
              role: "user",
              content: [
                {
                  toolResult: {
                    toolUseId: "1",
                    content: [{ json: found as string }, { text: asked }],
                  },
                },
              ],
            },
          ],
        );
        const last: Message = { role: "user", content: [{ text: "Well?" }] };
        let tokens = ofText(system) + ofText("Well?");
        for (const one of tools) tokens += ofJson(one);
        for (const { asked, answered, input, found } of turns)
          tokens +=
            2 * ofText(asked) +
            2 * ofText(answered) +
            ofJson(input) +
            ofJson(found);
        // What a chat template adds: a name and an end of each turn, and an instruction for tools.
        const hasTools = messages.length + tools.length > 0;
        tokens += 10 * (messages.length + 2) + (hasTools ? 800 : 0);
        const amount = await setAside({
          model: PRICE_IN,
          system,
          messages: [...messages, last],
          tools,
        });
        expect(amount / NANO_PER_TOKEN).toBeGreaterThanOrEqual(tokens);
      },
    ),
  );
});

const models = listModels()
  .filter(({ prices }) => prices !== undefined)
  .map(({ id }) => id);
const regions = [
  "us-east-1",
  "us-gov-west-1",
  "eu-central-1",
  "ap-northeast-1",
  "sa-east-1",
];

test("Whatever profile of a model answers and however its prompt is cached, it costs no more than was set aside", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...models),
      fc.constantFrom(...regions),
      fc.nat(),
      fc.integer({ min: 1, max: 300_000 }),
      fc.array(fc.integer({ min: 0, max: 100 }), {
        minLength: 4,
        maxLength: 4,
      }),
      fc.boolean(),
      async (model, region, nth, maxTokens, parts, forAnHour) => {
        const prompt = "x".repeat(1_000 + (nth % 5) * 60_000);
        const amount = await setAside(
          {
            model,
            maxTokens,
            messages: [
              {
                role: "user",
                content: [
                  { text: prompt },
                  {
                    cachePoint: {
                      type: "default",
                      ...(forAnHour && { ttl: "1h" }),
                    },
                  },
                ],
              },
            ],
          },
          region,
        );
        const info = findModel(model, { region });
        const profiles = info?.profiles ?? [];
        const ways = [model, ...profiles.map((name) => `${name}.${model}`)];
        const sum = parts.reduce((a, b) => a + b, 0) || 1;
        const window = info?.contextWindowTokens ?? 0;
        const share = (index: number) =>
          Math.floor(
            (Math.min(prompt.length, window) * (parts[index] ?? 0)) / sum,
          );
        const hourly = forAnHour ? share(3) : 0;
        const usage = {
          inputTokens: share(0),
          cacheReadInputTokens: share(1),
          cacheWriteInputTokens: share(2) + hourly,
          cacheDetails: [
            { ttl: "1h", inputTokens: hourly },
            { ttl: "5m", inputTokens: share(2) },
          ],
          outputTokens: Math.min(maxTokens, info?.maxOutputTokens ?? 0),
          totalTokens: 0,
        };
        const costUsd = costOf({
          model: ways[nth % ways.length] ?? model,
          region,
          usage,
        });
        // A price that the catalog does not have has nothing to be compared with.
        expect((costUsd ?? 0) * 1e9).toBeLessThanOrEqual(amount + 1e-3);
      },
    ),
    { numRuns: 300 },
  );
});

const image = {
  image: { format: "png", source: { bytes: new Uint8Array(9) } },
};
const pdf = {
  document: { name: "a", format: "pdf", source: { bytes: new Uint8Array(9) } },
};
const WINDOW = 200_000;
registerModel("test.window", {
  prices: { input: 1, output: 0 },
  maxOutputTokens: 1,
  contextWindowTokens: WINDOW,
});

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

test.each<[what: string, block: object, atLeast: number, atMost: number]>([
  ["an image", image, 17_000, 20_000],
  ["a guarded image", { guardContent: image }, 17_000, 20_000],
  [
    "a guarded text",
    { guardContent: { text: { text: "x".repeat(5_000) } } },
    5_000,
    9_000,
  ],
  [
    "an image in a tool result",
    { toolResult: { toolUseId: "1", content: [image] } },
    17_000,
    20_000,
  ],
  [
    "a tool result without content",
    { toolResult: { toolUseId: "1" } },
    4,
    4_000,
  ],
  [
    "input of a tool that is nested deeply: as it is indented, twice",
    { toolUse: { toolUseId: "1", name: "t", input: nested(100) } },
    2 * JSON.stringify({ input: nested(100) }, undefined, 4).length,
    100_000,
  ],
  [
    "input of a tool that cannot be written down: the whole window",
    { toolUse: { toolUseId: "1", name: "t", input: nested(100_000) } },
    WINDOW,
    WINDOW,
  ],
  [
    "text with many marks in a row, which are not sorted: the most that it could grow to",
    { text: "x\u0301\u0316".repeat(31) + "\u0301\u0316".repeat(4_000) },
    170_000,
    WINDOW,
  ],
  [
    "a text file",
    {
      document: {
        name: "a",
        format: "txt",
        source: { bytes: Buffer.from("ä".repeat(4_000)) },
      },
    },
    8_000,
    20_000,
  ],
  [
    "a document of text",
    { document: { name: "a", source: { text: "x".repeat(5_000) } } },
    5_000,
    15_000,
  ],
  ["a compressed document: the whole window", pdf, WINDOW, WINDOW],
  [
    "a document in S3: the whole window",
    {
      document: {
        name: "a",
        format: "txt",
        source: { s3Location: { uri: "s3://a/b" } },
      },
    },
    WINDOW,
    WINDOW,
  ],
  ["a document without a source", { document: { name: "a" } }, 4, 4_000],
  [
    "audio: the whole window",
    { audio: { format: "mp3", source: { bytes: new Uint8Array(9) } } },
    WINDOW,
    WINDOW,
  ],
  [
    "a block of an unknown kind: the whole window",
    { $unknown: ["hologram", {}] },
    WINDOW,
    WINDOW,
  ],
  [
    "hidden reasoning",
    { reasoningContent: { redactedContent: new Uint8Array(9_000) } },
    9_000,
    12_000,
  ],
  [
    "unknown reasoning: the whole window",
    { reasoningContent: { $unknown: ["x", 1] } },
    WINDOW,
    WINDOW,
  ],
  [
    "a search result",
    {
      searchResult: {
        source: "s",
        title: "t",
        content: [{ text: "x".repeat(5_000) }],
      },
    },
    5_000,
    14_000,
  ],
])("What is set aside for %s", async (_what, block, atLeast, atMost) => {
  const amount = await setAside({
    model: "test.window",
    // Blocks as a JavaScript caller may give them.
    messages: [{ role: "user", content: [{ text: "Hi" }, block as never] }],
  });
  expect(amount / NANO_PER_TOKEN).toBeGreaterThanOrEqual(atLeast);
  expect(amount / NANO_PER_TOKEN).toBeLessThanOrEqual(atMost);
});

test("Instructions for tools and formats are set aside where there are any", async () => {
  const messages: Message[] = [{ role: "user", content: [{ text: "Hi" }] }];
  const plain = { model: PRICE_IN, messages };
  const base = (await setAside(plain)) / NANO_PER_TOKEN;
  expect(base).toBeLessThan(600);
  const toolUse = { toolUseId: "1", name: "t", input: {} };
  const call: Message = { role: "assistant", content: [{ toolUse }] };
  const tools: Tool[] = [
    { toolSpec: { name: "t", inputSchema: { json: {} } } },
  ];
  for (const more of [
    { tools },
    { output: { schema: {} } },
    { messages: [call, ...messages] },
    { bedrock: { additionalModelRequestFields: {} } },
    { bedrock: { outputConfig: {} } },
  ])
    expect(
      (await setAside({ ...plain, ...more })) / NANO_PER_TOKEN,
    ).toBeGreaterThanOrEqual(base + 1_500);
  const settings = { bedrock: { serviceTier: { type: "default" } } };
  expect(
    (await setAside({ ...plain, ...settings })) / NANO_PER_TOKEN,
  ).toBeLessThan(base + 200);
});

test("A prompt may be longer than the context window with the beta that allows it, at the price of long contexts", async () => {
  registerModel("test.beta", {
    prices: {
      input: 1,
      output: 0,
      longContext: { aboveInputTokens: WINDOW, input: 2, output: 0 },
    },
    maxOutputTokens: 1,
    contextWindowTokens: WINDOW,
  });
  const request = {
    model: "test.beta",
    messages: [
      { role: "user" as const, content: [{ text: "x".repeat(2_000_000) }] },
    ],
  };
  const withBetas = (...anthropic_beta: string[]) =>
    setAside({
      ...request,
      bedrock: { additionalModelRequestFields: { anthropic_beta } },
    });
  expect(await setAside(request)).toBe(WINDOW * NANO_PER_TOKEN);
  expect(await withBetas("something-else")).toBe(WINDOW * NANO_PER_TOKEN);
  expect(await withBetas("something-else", "context-1m-2025-08-07")).toBe(
    1_000_000 * 2 * NANO_PER_TOKEN,
  );
});

test("Output formats, settings and cache points of tools and system prompts count", async () => {
  const messages: Message[] = [{ role: "user", content: [{ text: "Hi" }] }];
  const plain = { model: PRICE_IN, messages };
  const base = await setAside(plain);
  const description = "x".repeat(1_000);
  for (const more of [
    { output: { schema: { type: "object", description } } },
    { bedrock: { additionalModelRequestFields: { tools: [{ description }] } } },
    { bedrock: { outputConfig: { description } } },
  ])
    expect(
      (await setAside({ ...plain, ...more })) - base,
    ).toBeGreaterThanOrEqual(1_000 * NANO_PER_TOKEN);
  registerModel("test.cached", {
    prices: { input: 1, output: 0, cacheWrite: 1.25, cacheWrite1h: 2 },
    maxOutputTokens: 1,
    contextWindowTokens: 100,
  });
  const point = {
    cachePoint: { type: "default" as const, ttl: "1h" as const },
  };
  const cached = { model: "test.cached", messages };
  expect(await setAside(cached)).toBe(125 * NANO_PER_TOKEN);
  expect(await setAside({ ...cached, system: [{ text: "s" }, point] })).toBe(
    200 * NANO_PER_TOKEN,
  );
  expect(await setAside({ ...cached, tools: [point] })).toBe(
    200 * NANO_PER_TOKEN,
  );
});
