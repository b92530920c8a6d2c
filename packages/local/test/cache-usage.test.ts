import {
  type BedrockRuntimeClient,
  type ContentBlock,
  type ConverseCommandInput,
  InvokeModelCommand,
  type Tool,
} from "@aws-sdk/client-bedrock-runtime";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { fakeDate } from "../../../test-support/fake-date.ts";
import {
  type LocalBedrock,
  type Reply,
  type Responder,
  ServiceError,
  type StartBedrockOptions,
  startBedrock,
} from "../src/index.ts";
import { clientOf, collect, converse, until } from "./helpers.ts";

/** It caches prefixes of at least 1,024 tokens, which are 4,096 letters. */
const SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
/** 1,000 tokens, and a single exact prefix for each cache point. */
const NOVA = "us.amazon.nova-pro-v1:0";

const MINUTE_MS = 60_000;
const POINT = { cachePoint: { type: "default" as const } };
const HOUR_POINT = {
  cachePoint: { type: "default" as const, ttl: "1h" as const },
};

let bedrock: LocalBedrock;
let client: BedrockRuntimeClient;
let now: number;

beforeEach(() => {
  now = Date.parse("2026-10-01");
});

afterEach(() => {
  jest.useRealTimers();
  return bedrock.close();
});

async function start(
  respond: Responder = () => "Done.",
  options: StartBedrockOptions = {},
): Promise<void> {
  bedrock = await startBedrock({ respond, now: () => now, ...options });
  client = clientOf(bedrock);
}

/** So many tokens, one less for the line break that follows. */
const text = (tokens: number, letter = "x") => ({
  text: letter.repeat(tokens * 4 - 1),
});

/** A question behind a system prompt of 1,100 tokens that is to be cached. */
function input(more: Partial<ConverseCommandInput> = {}): ConverseCommandInput {
  return {
    modelId: SONNET,
    system: [text(1_100), POINT],
    messages: [{ role: "user", content: [text(10, "q")] }],
    ...more,
  };
}

/** A conversation of one message. */
const content = (...blocks: ContentBlock[]): ConverseCommandInput => ({
  modelId: SONNET,
  messages: [{ role: "user", content: blocks }],
});

const tool = (description: string): Tool => ({
  toolSpec: {
    name: "find",
    description,
    inputSchema: { json: { type: "object" } },
  },
});

/** Input, reads, writes. */
async function counts(
  request: ConverseCommandInput,
  by = client,
): Promise<readonly (number | undefined)[]> {
  const { usage } = await converse(by, request);
  return [
    usage?.inputTokens,
    usage?.cacheReadInputTokens,
    usage?.cacheWriteInputTokens,
  ];
}

describe("A prompt with a cache point", () => {
  const first = {
    inputTokens: 10,
    outputTokens: 2,
    totalTokens: 1_112,
    cacheReadInputTokens: 0,
    cacheWriteInputTokens: 1_100,
    cacheDetails: [{ ttl: "5m", inputTokens: 1_100 }],
  };
  const second = {
    inputTokens: 10,
    outputTokens: 2,
    totalTokens: 1_112,
    cacheReadInputTokens: 1_100,
    cacheWriteInputTokens: 0,
    cacheDetails: [],
  };

  test("is written once and read from then on by Converse", async () => {
    await start();
    expect((await converse(client, input())).usage).toEqual(first);
    expect((await converse(client, input())).usage).toEqual(second);
    expect((await converse(client, input())).usage).toEqual(second);
  });

  test("by ConverseStream, which finds what Converse wrote", async () => {
    await start();
    const usageOf = async () =>
      (await collect(client, input())).events.at(-1)?.metadata?.usage;
    expect(await usageOf()).toEqual(first);
    expect(await usageOf()).toEqual(second);
    expect((await converse(client, input())).usage).toEqual(second);
  });

  test("by a body of Anthropic's own, with cache_control on tools, system and messages", async () => {
    await start();
    const cache_control = { type: "ephemeral" };
    const body = JSON.stringify({
      anthropic_version: "bedrock-2023-05-31",
      max_tokens: 100,
      tools: [
        {
          name: "find",
          description: "x".repeat(4_400),
          input_schema: { type: "object" },
          cache_control: { ...cache_control, ttl: "1h" },
        },
      ],
      system: [{ type: "text", ...text(200), cache_control }],
      messages: [
        { role: "user", content: "Hello" },
        { role: "assistant", content: [{ type: "text", text: "Hello." }] },
        {
          role: "user",
          content: [
            { type: "text", ...text(100), cache_control },
            { type: "text", ...text(10, "q") },
          ],
        },
      ],
    });
    const answer = async () => {
      const { body: bytes } = await client.send(
        new InvokeModelCommand({ modelId: SONNET, body }),
      );
      return JSON.parse(bytes.transformToString());
    };
    const written = (await answer()).usage;
    expect(written).toMatchObject({
      input_tokens: 10,
      cache_read_input_tokens: 0,
      output_tokens: 2,
    });
    expect(written.cache_creation_input_tokens).toBeGreaterThan(1_400);
    expect((await answer()).usage).toMatchObject({
      input_tokens: 10,
      cache_read_input_tokens: written.cache_creation_input_tokens,
      cache_creation_input_tokens: 0,
    });
    // After 6 minutes only the tool is left, which was to stay for an hour.
    now += 6 * MINUTE_MS;
    const { usage } = await answer();
    expect(usage.cache_read_input_tokens).toBeGreaterThan(1_100);
    expect(usage.cache_creation_input_tokens).toBeGreaterThan(300);
    expect(
      usage.cache_read_input_tokens + usage.cache_creation_input_tokens,
    ).toBe(written.cache_creation_input_tokens);
  });

  test("has its counts in the headers of InvokeModel, too", async () => {
    await start();
    const headers = async () => {
      const response = await fetch(`${bedrock.url}/model/${NOVA}/invoke`, {
        method: "POST",
        body: JSON.stringify({
          system: [text(1_100), POINT],
          messages: [{ role: "user", content: [text(10)] }],
        }),
      });
      return ["input", "output", "cache-read-input", "cache-write-input"].map(
        (kind) => response.headers.get(`x-amzn-bedrock-${kind}-token-count`),
      );
    };
    expect(await headers()).toEqual(["10", "2", "0", "1100"]);
    expect(await headers()).toEqual(["10", "2", "1100", "0"]);
  });

  test("leaves the usage of a prompt without one as it is", async () => {
    await start();
    const { usage } = await converse(client, input({ system: [text(1_100)] }));
    expect(usage).toEqual({
      inputTokens: 1_110,
      outputTokens: 2,
      totalTokens: 1_112,
    });
  });

  test("loses to a usage of the reply's own, and is cached all the same", async () => {
    const usage = { inputTokens: 1, outputTokens: 2 };
    const replies: Reply[] = [{ content: [{ text: "Done." }], usage }];
    await start(() => replies.pop() ?? "Done.");
    expect((await converse(client, input())).usage).toEqual({
      ...usage,
      totalTokens: 3,
    });
    expect(await counts(input())).toEqual([10, 1_100, 0]);
  });
});

describe("A prefix", () => {
  test("below the model's minimum is silently not cached", async () => {
    await start();
    const short = input({ system: [text(1_023), POINT] });
    for (let call = 0; call < 2; call++)
      expect((await converse(client, short)).usage).toEqual({
        inputTokens: 1_033,
        outputTokens: 2,
        totalTokens: 1_035,
        cacheReadInputTokens: 0,
        cacheWriteInputTokens: 0,
        cacheDetails: [],
      });
    const enough = input({ system: [text(1_024), POINT] });
    expect(await counts(enough)).toEqual([10, 0, 1_024]);
  });

  test("counts tools, system and messages together", async () => {
    await start();
    const request = {
      ...content(text(500), POINT, text(10)),
      system: [text(600), POINT],
    };
    expect(await counts(request)).toEqual([10, 0, 1_100]);
    expect(await counts(request)).toEqual([10, 1_100, 0]);
  });

  test("needs 1,024 tokens on a model that nobody knows", async () => {
    await start();
    const modelId = "acme.large-v1:0";
    const system = [text(1_023), POINT];
    expect(await counts(input({ modelId, system }))).toEqual([1_033, 0, 0]);
    expect(await counts(input({ modelId }))).toEqual([10, 0, 1_100]);
  });

  test("is read up to the last byte that is the same", async () => {
    await start();
    const request = (more: Partial<ConverseCommandInput>) =>
      input({
        toolConfig: { tools: [tool("x".repeat(4_400)), POINT] },
        system: [text(200), POINT],
        messages: [{ role: "user", content: [text(300), POINT, text(10)] }],
        ...more,
      });
    const [, , all] = await counts(request({}));
    const read = async (more: Partial<ConverseCommandInput>) =>
      (await counts(request(more)))[1];
    expect(await read({})).toBe(all);
    expect(
      await read({
        messages: [{ role: "user", content: [text(300, "y"), POINT] }],
      }),
    ).toBe(Number(all) - 300);
    expect(await read({ system: [text(200, "y"), POINT] })).toBe(
      Number(all) - 500,
    );
    expect(
      await read({ toolConfig: { tools: [tool("y".repeat(4_400)), POINT] } }),
    ).toBe(0);
    // The same letters in two blocks, or in a message of their own, are another prompt.
    expect(
      await read({ system: [text(100), { text: "x".repeat(399) }, POINT] }),
    ).toBe(Number(all) - 500);
    expect(
      await read({
        messages: [
          { role: "user", content: [text(300), POINT] },
          { role: "assistant", content: [text(10)] },
          { role: "user", content: [text(10)] },
        ],
      }),
    ).toBe(all);
  });

  test("is another one for each model and Region", async () => {
    await start();
    expect(await counts(input())).toEqual([10, 0, 1_100]);
    const other = clientOf(bedrock, { region: "us-west-2" });
    expect(await counts(input(), other)).toEqual([10, 0, 1_100]);
    expect(await counts(input({ modelId: NOVA }))).toEqual([10, 0, 1_100]);
    expect(await counts(input())).toEqual([10, 1_100, 0]);
  });

  test("is forgotten by reset()", async () => {
    await start();
    await counts(input());
    bedrock.reset();
    expect(await counts(input())).toEqual([10, 0, 1_100]);
  });
});

describe("A growing conversation", () => {
  test("reads what it had and writes what is new", async () => {
    await start();
    const turns: ContentBlock[] = [text(1_200)];
    expect(await counts(content(...turns, POINT))).toEqual([0, 0, 1_200]);
    turns.push(text(100));
    expect(await counts(content(...turns, POINT))).toEqual([0, 1_200, 100]);
    turns.push(text(50), text(50));
    expect(await counts(content(...turns, POINT, text(7)))).toEqual([
      7, 1_300, 100,
    ]);
    expect(await counts(content(...turns, POINT, text(9)))).toEqual([
      9, 1_400, 0,
    ]);
  });

  test("finds an earlier prefix up to 19 blocks before the cache point on Claude", async () => {
    await start();
    const grown = (by: number) =>
      content(
        text(1_200),
        ...Array.from({ length: by }, (_, index) => text(1, "abc"[index % 3])),
        POINT,
      );
    await counts(grown(0));
    expect(await counts(grown(19))).toEqual([0, 1_200, 19]);
    bedrock.reset();
    await counts(grown(0));
    expect(await counts(grown(20))).toEqual([0, 0, 1_220]);
  });

  test("finds it from a second cache point, however far it has grown", async () => {
    await start();
    await counts(content(text(1_200), POINT));
    const more = Array.from({ length: 30 }, () => text(1));
    expect(await counts(content(text(1_200), POINT, ...more, POINT))).toEqual([
      0, 1_200, 30,
    ]);
  });

  test("finds on other models only what ends at a cache point", async () => {
    await start();
    const nova = (...blocks: ContentBlock[]) => ({
      ...content(...blocks),
      modelId: NOVA,
    });
    await counts(nova(text(1_200), POINT));
    expect(await counts(nova(text(1_200), text(100), POINT))).toEqual([
      0, 0, 1_300,
    ]);
    expect(
      await counts(nova(text(1_200), POINT, text(200, "y"), POINT)),
    ).toEqual([0, 1_200, 200]);
  });
});

describe("What is cached stays", () => {
  test("for 5 minutes after it was last read", async () => {
    await start();
    await counts(input());
    now += 5 * MINUTE_MS - 1;
    expect(await counts(input())).toEqual([10, 1_100, 0]);
    now += 5 * MINUTE_MS - 1;
    expect(await counts(input())).toEqual([10, 1_100, 0]);
    now += 5 * MINUTE_MS;
    expect(await counts(input())).toEqual([10, 0, 1_100]);
  });

  test("by the date that a test sets after the start, without a clock of its own", async () => {
    bedrock = await startBedrock();
    client = clientOf(bedrock);
    await counts(input());
    fakeDate(Date.now() + 4 * MINUTE_MS);
    expect(await counts(input())).toEqual([10, 1_100, 0]);
    jest.setSystemTime(Date.now() + 5 * MINUTE_MS);
    expect(await counts(input())).toEqual([10, 0, 1_100]);
  });

  test("for an hour when that is asked for, and is listed first", async () => {
    await start();
    const request = {
      ...content(text(200), POINT, text(10)),
      system: [text(1_100), HOUR_POINT],
    };
    expect((await converse(client, request)).usage?.cacheDetails).toEqual([
      { ttl: "1h", inputTokens: 1_100 },
      { ttl: "5m", inputTokens: 200 },
    ]);
    now += 59 * MINUTE_MS;
    const { usage } = await converse(client, request);
    expect(usage).toMatchObject({
      cacheReadInputTokens: 1_100,
      cacheWriteInputTokens: 200,
      cacheDetails: [{ ttl: "5m", inputTokens: 200 }],
    });
    // The read has begun its hour anew.
    now += 59 * MINUTE_MS;
    expect(await counts(request)).toEqual([10, 1_100, 200]);
    now += 60 * MINUTE_MS;
    expect(await counts(request)).toEqual([10, 0, 1_300]);
  });
});

describe("A prefix is there", () => {
  test("once the answer of its call has begun: parallel calls write twice", async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    await start(async () => {
      await gate;
      return "Done.";
    });
    const calls = [counts(input()), counts(input())];
    await until(() => bedrock.requests.length === 2);
    open();
    expect(await Promise.all(calls)).toEqual([
      [10, 0, 1_100],
      [10, 0, 1_100],
    ]);
    expect(await counts(input())).toEqual([10, 1_100, 0]);
  });

  test("never, when the call fails or is refused by the quota", async () => {
    const replies: (() => Reply)[] = [
      () => {
        throw new ServiceError("ModelTimeoutException");
      },
    ];
    await start(() => replies.pop()?.() ?? "Done.", {
      quota: { tokensPerMinute: 10_000 },
    });
    const inferenceConfig = { maxTokens: 8_000 };
    await expect(counts(input({ inferenceConfig }))).rejects.toThrow();
    await expect(
      counts(input({ inferenceConfig: { maxTokens: 9_000 } })),
    ).rejects.toThrow("Too many tokens");
    expect(await counts(input({ inferenceConfig }))).toEqual([10, 0, 1_100]);
  });
});

test("What is read from the cache is given back to the quota", async () => {
  await start(() => "Done.", { quota: { tokensPerMinute: 4_000 } });
  const request = (maxTokens: number) =>
    input({ inferenceConfig: { maxTokens } });
  // Reserved: 1,110 + 2,890. Used: 10 and 1,100 written, 5 times 2 tokens of output.
  expect(await counts(request(2_890))).toEqual([10, 0, 1_100]);
  // Left: 2,880. Used: 10 and 10.
  await expect(counts(request(1_771))).rejects.toThrow("Too many tokens");
  expect(await counts(request(1_770))).toEqual([10, 1_100, 0]);
  await expect(counts(request(1_751))).rejects.toThrow("Too many tokens");
  expect(await counts(request(1_750))).toEqual([10, 1_100, 0]);
});
