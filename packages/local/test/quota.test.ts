import http from "node:http";
import {
  type BedrockRuntimeClient,
  ConverseCommand,
  type ConverseCommandInput,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import {
  type Fault,
  type LocalBedrock,
  type Quota,
  type Reply,
  type Responder,
  ServiceError,
  startBedrock,
} from "../src/index.ts";
import {
  ask,
  clientOf,
  collect,
  converse,
  HAIKU,
  post,
  until,
} from "./helpers.ts";

const NOVA = "us.amazon.nova-2-lite-v1:0";
const TOO_MANY_TOKENS = "Too many tokens, please wait before trying again.";

let bedrock: LocalBedrock;
let client: BedrockRuntimeClient;
let now: number;

beforeEach(() => {
  now = Date.parse("2026-10-01");
});

afterEach(async () => {
  client.destroy();
  await bedrock.close();
});

async function start(
  quota: Quota,
  respond: Responder = () => counting(0, 0),
  faults: Fault[] = [],
): Promise<void> {
  bedrock = await startBedrock({ quota, respond, faults, now: () => now });
  client = clientIn("us-east-1");
}

function clientIn(region: string): BedrockRuntimeClient {
  const httpAgent = new http.Agent({ maxSockets: 1_000 });
  return clientOf(bedrock, {
    region,
    requestHandler: new NodeHttpHandler({ httpAgent }),
  });
}

/** A prompt of one token with so much room for the answer. */
function call(
  maxTokens: number | undefined,
  modelId = NOVA,
): ConverseCommandInput {
  return ask("Hi", {
    modelId,
    ...(maxTokens !== undefined && { inferenceConfig: { maxTokens } }),
  });
}

function counting(inputTokens: number, outputTokens: number): Reply {
  return {
    content: [{ text: "Done." }],
    usage: { inputTokens, outputTokens },
  };
}

/** What a call is refused with; undefined when it is taken. */
async function refusal(
  input: ConverseCommandInput,
  by = client,
): Promise<unknown> {
  try {
    await converse(by, input);
    return undefined;
  } catch (error) {
    return error;
  }
}

const throttled = (message: string) =>
  expect.objectContaining({
    name: "ThrottlingException",
    message,
    $metadata: expect.objectContaining({ httpStatusCode: 429 }),
  });

/** Exactly so many tokens are left: a call that asks for them is taken, and one that asks for one more is not. */
async function expectLeft(tokens: number, modelId = NOVA): Promise<void> {
  expect(await refusal(call(tokens - 1, modelId))).toBeUndefined();
  expect(await refusal(call(tokens, modelId))).toEqual(
    throttled(TOO_MANY_TOKENS),
  );
}

/** How many of so many calls are under way at once, and what the others were refused with. */
async function atOnce(
  quota: Quota,
  count: number,
  input: ConverseCommandInput,
): Promise<{ taken: number; refusals: Set<unknown> }> {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let taken = 0;
  await start(quota, async () => {
    taken++;
    await gate;
    return counting(1, 1);
  });
  const refused: Error[] = [];
  const calls = Array.from({ length: count }, () =>
    converse(client, input).catch((error) => refused.push(error)),
  );
  await until(() => taken + refused.length === count);
  const atThatTime = taken;
  open();
  await Promise.all(calls);
  return {
    taken: atThatTime,
    refusals: new Set(refused.map(({ message }) => message)),
  };
}

describe("Parallel calls under two million tokens a minute", () => {
  const quota = { tokensPerMinute: 2_000_000 };

  // Each takes its maxTokens and the one token of its prompt: 2,000,000 / 64,001 and 2,000,000 / 4,097.
  test.each([
    ["without maxTokens, of a model that writes 64,000", undefined, HAIKU, 31],
    ["with maxTokens at the limit of 64,000", 64_000, NOVA, 31],
    ["with maxTokens of 4,096", 4_096, HAIKU, 488],
  ])("%s", async (_what, maxTokens, modelId, expected) => {
    const { taken, refusals } = await atOnce(
      quota,
      500,
      call(maxTokens, modelId),
    );
    expect(taken).toBe(expected);
    expect(refusals).toEqual(new Set([TOO_MANY_TOKENS]));
  });
});

describe("The example of AWS, at a tenth of its size: 500 tokens of input", () => {
  test.each([
    ["with maxTokens of 1,000", 1_000, 133],
    ["without", undefined, 3],
  ])("%s", async (_what, maxTokens, expected) => {
    const input = {
      ...call(maxTokens, HAIKU),
      messages: [
        { role: "user" as const, content: [{ text: "word".repeat(500) }] },
      ],
    };
    const { taken } = await atOnce({ tokensPerMinute: 200_000 }, 140, input);
    expect(taken).toBe(expected);
  });
});

describe("A call reserves", () => {
  test.each([
    ["the 64,000 of the catalog", HAIKU, 64_000],
    ["the 10,000 of a smaller model", "us.amazon.nova-lite-v1:0", 10_000],
    ["64,000 for a model that nobody knows", "acme.large-v1:0", 64_000],
  ])("without maxTokens: %s", async (_what, modelId, most) => {
    await start({ tokensPerMinute: most + 1 });
    expect(await refusal(call(undefined, modelId))).toBeUndefined();
    await bedrock.close();
    await start({ tokensPerMinute: most });
    expect(await refusal(call(undefined, modelId))).toEqual(
      throttled(TOO_MANY_TOKENS),
    );
  });

  test("max_tokens of a native body", async () => {
    await start({ tokensPerMinute: 101 });
    const invoke = (max_tokens: number) =>
      client.send(
        new InvokeModelCommand({
          modelId: HAIKU,
          body: JSON.stringify({
            anthropic_version: "bedrock-2023-05-31",
            max_tokens,
            messages: [{ role: "user", content: "Hi" }],
          }),
        }),
      );
    await invoke(100);
    await expect(invoke(101)).rejects.toEqual(throttled(TOO_MANY_TOKENS));
  });
});

describe("At the end of a call", () => {
  test.each([
    [NOVA, 1],
    ["acme.large-v1:0", 1],
    ["us.amazon.nova-lite-v1:0", 1],
    [HAIKU, 5],
    ["global.anthropic.claude-opus-4-7", 5],
    ["global.anthropic.claude-opus-4-8", 15],
    ["global.anthropic.claude-opus-5", 10],
    ["global.anthropic.claude-sonnet-5", 10],
    ["global.anthropic.claude-fable-5-1", 10],
    ["global.anthropic.claude-fable-5", 5],
    ["global.anthropic.claude-opus-5-5", 5],
    ["global.openai.gpt-5.6-sol", 10],
  ])(
    "%s has used its input, its cache writes and %i times its output",
    async (modelId, rate) => {
      const usage = {
        inputTokens: 30,
        outputTokens: 20,
        cacheReadInputTokens: 1_000,
        cacheWriteInputTokens: 7,
      };
      const replies: Reply[] = [{ content: [{ text: "Done." }], usage }];
      await start(
        { tokensPerMinute: 5_000 },
        () => replies.pop() ?? counting(0, 0),
      );
      await converse(client, call(4_000, modelId));
      await expectLeft(5_000 - 30 - 7 - 20 * rate, modelId);
    },
  );

  test("it may have used more than it reserved, which the next ones wait for", async () => {
    const replies = [counting(1, 100)];
    await start(
      { tokensPerMinute: 300 },
      () => replies.pop() ?? counting(0, 0),
    );
    await converse(client, call(100, HAIKU));
    // 300 - 1 - 5 * 100 are 201 too many; 300 come back in a minute.
    expect(await refusal(call(1, HAIKU))).toEqual(throttled(TOO_MANY_TOKENS));
    now += 60_000;
    await expectLeft(99, HAIKU);
  });

  test("a stream has used what its last event says", async () => {
    const replies = [counting(30, 20)];
    await start(
      { tokensPerMinute: 5_000 },
      () => replies.pop() ?? counting(0, 0),
    );
    const { error } = await collect(client, call(4_000));
    expect(error).toBeUndefined();
    await expectLeft(4_950);
  });

  test("a stream without usage has used its prompt and what it wrote", async () => {
    const delta = (contentBlockIndex: number, delta: object) => ({
      type: "contentBlockDelta",
      payload: { contentBlockIndex, delta },
    });
    const rawEvents = [
      { type: "messageStart", payload: { role: "assistant" } },
      delta(0, { reasoningContent: { text: "r".repeat(40) } }),
      delta(0, { reasoningContent: { signature: "s" } }),
      delta(1, { text: "t".repeat(80) }),
      delta(2, { toolUse: { input: "i".repeat(120) } }),
      { type: "messageStop", payload: { stopReason: "end_turn" } },
    ];
    const replies: Reply[] = [{ content: [], rawEvents }];
    await start(
      { tokensPerMinute: 5_000 },
      () => replies.pop() ?? counting(0, 0),
    );
    await collect(client, call(4_000));
    await expectLeft(5_000 - 1 - 60);
  });

  test("a usage without numbers is a usage of nothing", async () => {
    const rawEvents = [{ type: "metadata", payload: { usage: {} } }];
    const replies: Reply[] = [{ content: [], rawEvents }];
    await start(
      { tokensPerMinute: 5_000 },
      () => replies.pop() ?? counting(0, 0),
    );
    await collect(client, call(4_000));
    await expectLeft(5_000);
  });
});

describe("Nothing is used by", () => {
  test("a call whose responder fails, plain or streamed", async () => {
    let isBroken = true;
    await start({ tokensPerMinute: 5_000 }, () => {
      if (isBroken) throw new ServiceError("ModelTimeoutException");
      return counting(0, 0);
    });
    const failed = expect.objectContaining({ name: "ModelTimeoutException" });
    expect(await refusal(call(4_000))).toEqual(failed);
    expect((await collect(client, call(4_000))).error).toEqual(failed);
    isBroken = false;
    await expectLeft(5_000);
  });

  test("a fault, and a request that is refused", async () => {
    await start({ tokensPerMinute: 5_000 }, undefined, [
      { error: "InternalServerException" },
    ]);
    expect(await refusal(call(4_000))).toEqual(
      expect.objectContaining({ name: "InternalServerException" }),
    );
    expect(await refusal({ ...call(4_000), messages: [] })).toEqual(
      expect.objectContaining({ name: "ValidationException" }),
    );
    await expectLeft(5_000);
  });

  test("the counting of tokens", async () => {
    await start({ tokensPerMinute: 1 });
    const { inputTokens } = await client.send(
      new CountTokensCommand({
        modelId: "amazon.nova-2-lite-v1:0",
        input: { converse: { messages: call(1).messages } },
      }),
    );
    expect(inputTokens).toBe(1);
  });
});

describe("A client that hangs up", () => {
  test("has used the prompt and what was written until then", async () => {
    const replies: Reply[] = [
      {
        content: [{ text: "never read" }],
        chunks: ["x".repeat(400), "y".repeat(4_000)],
        usage: { inputTokens: 1, outputTokens: 1_100 },
      },
    ];
    await start(
      { tokensPerMinute: 10_000 },
      () => replies.pop() ?? counting(0, 0),
      [{ tokenDelayMs: 600_000 }],
    );
    const ending = new AbortController();
    const { stream } = await client.send(
      new ConverseStreamCommand(call(4_000, HAIKU)),
      { abortSignal: ending.signal },
    );
    expect(stream).toBeDefined();
    ending.abort();
    const end = await bedrock.requests[0]?.closed;
    expect(end).toEqual({ byClient: true, eventsSent: 1 });
    // The first piece was written, though not sent.
    await expectLeft(10_000 - 1 - 5 * 100, HAIKU);
  });

  test("before there is an answer has used the prompt, whatever comes after", async () => {
    let finish = (_: Reply) => {};
    let hasFinished = false;
    const replies: Promise<Reply>[] = [
      new Promise<Reply>((resolve) => {
        finish = resolve;
      }),
    ];
    await start({ tokensPerMinute: 10_000 }, async () => {
      const reply = await (replies.pop() ?? counting(0, 0));
      hasFinished = true;
      return reply;
    });
    const ending = new AbortController();
    const called = expect(
      client.send(new ConverseStreamCommand(call(4_000)), {
        abortSignal: ending.signal,
      }),
    ).rejects.toThrow();
    await until(() => replies.length === 0);
    await expectLeft(10_000 - 4_001);
    ending.abort();
    await called;
    await bedrock.requests[0]?.closed;
    await expectLeft(10_000 - 1);
    hasFinished = false;
    finish(counting(500, 500));
    await until(() => hasFinished);
    await expectLeft(10_000 - 1);
  });

  test.each([
    [
      "plain",
      (abortSignal: AbortSignal) =>
        client.send(new ConverseCommand(call(4_000)), { abortSignal }),
    ],
    [
      "streamed",
      (abortSignal: AbortSignal) =>
        client.send(new ConverseStreamCommand(call(4_000)), { abortSignal }),
    ],
  ])(
    "has used the prompt, too, when a %s answer is given up with it",
    async (_what, send) => {
      let isWaiting = true;
      await start({ tokensPerMinute: 10_000 }, ({ signal }) =>
        isWaiting
          ? new Promise<Reply>((_, reject) => {
              signal.addEventListener("abort", () => reject(signal.reason));
            })
          : counting(0, 0),
      );
      const ending = new AbortController();
      const called = expect(send(ending.signal)).rejects.toThrow();
      await until(() => bedrock.requests.length === 1);
      ending.abort();
      await called;
      await bedrock.requests[0]?.closed;
      isWaiting = false;
      await expectLeft(10_000 - 1);
    },
  );

  test("a connection that breaks off counts like that, too", async () => {
    const replies: Reply[] = [
      {
        content: [{ text: "never read" }],
        chunks: ["x".repeat(400), "y".repeat(400), "z".repeat(4_000)],
      },
    ];
    await start(
      { tokensPerMinute: 10_000 },
      () => replies.pop() ?? counting(0, 0),
      [{ cut: "body", afterEvents: 2 }],
    );
    const { error } = await collect(client, call(4_000));
    expect(error).toBeDefined();
    await bedrock.requests[0]?.closed;
    // messageStart and one piece were sent; the next piece was ready.
    await expectLeft(10_000 - 1 - 200);
  });
});

describe("The quota refills", () => {
  test("evenly, up to its size, and not when the clock is set back", async () => {
    const replies = [counting(10_000, 0)];
    await start(
      { tokensPerMinute: 60_000 },
      () => replies.pop() ?? counting(0, 0),
    );
    await converse(client, call(20_000));
    await expectLeft(50_000);
    now += 1;
    await expectLeft(50_001);
    now += 3_999;
    await expectLeft(54_000);
    now -= 2_000;
    await expectLeft(54_000);
    now += 1_000;
    await expectLeft(55_000);
    now += 3_600_000;
    await expectLeft(60_000);
  });

  test("while calls are under way", async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    await start({ tokensPerMinute: 1_000 }, async () => {
      await gate;
      return counting(0, 0);
    });
    const first = converse(client, call(999));
    await until(() => bedrock.requests.length === 1);
    expect(await refusal(call(499))).toEqual(throttled(TOO_MANY_TOKENS));
    now += 30_000;
    const second = refusal(call(499));
    await until(() => bedrock.requests.length === 3);
    expect(await refusal(call(1))).toEqual(throttled(TOO_MANY_TOKENS));
    open();
    expect(await Promise.all([first, second])).toEqual([
      expect.anything(),
      undefined,
    ]);
    await expectLeft(1_000);
  });
});

describe("A quota of its own has", () => {
  const used = async () => {
    await start({ tokensPerMinute: 5_000 }, () => counting(1_000, 0));
    await converse(client, call(4_000));
    expect(await refusal(call(4_500))).toEqual(throttled(TOO_MANY_TOKENS));
  };

  test("each model, and a profile beside the model itself", async () => {
    await used();
    expect(await refusal(call(4_500, HAIKU))).toBeUndefined();
    expect(
      await refusal(call(4_500, "global.amazon.nova-2-lite-v1:0")),
    ).toBeUndefined();
    expect(
      await refusal(
        call(
          4_500,
          `arn:aws:bedrock:us-east-1:123456789012:inference-profile/${NOVA}`,
        ),
      ),
    ).toEqual(throttled(TOO_MANY_TOKENS));
  });

  test("each Region", async () => {
    await used();
    const other = clientIn("us-west-2");
    expect(await refusal(call(4_500), other)).toBeUndefined();
    other.destroy();
    // Not signed at all, as with an API key: no Region is known.
    const { status } = await post(bedrock, NOVA, "converse", call(4_500));
    expect(status).toBe(200);
  });
});

describe("Requests per minute", () => {
  const TOO_MANY_REQUESTS =
    "Too many requests, please wait before trying again.";

  test("are refused beyond their number, and come back one by one", async () => {
    await start({ requestsPerMinute: 2 });
    expect(await refusal(call(1))).toBeUndefined();
    expect(await refusal(call(1))).toBeUndefined();
    expect(await refusal(call(1))).toEqual(throttled(TOO_MANY_REQUESTS));
    now += 29_999;
    expect(await refusal(call(1))).toEqual(throttled(TOO_MANY_REQUESTS));
    now += 1;
    expect(await refusal(call(1))).toBeUndefined();
    expect(await refusal(call(1))).toEqual(throttled(TOO_MANY_REQUESTS));
  });

  test("count neither what has too many tokens, nor less what fails", async () => {
    await start({ requestsPerMinute: 2, tokensPerMinute: 100 }, () => {
      throw new ServiceError("ModelErrorException");
    });
    expect(await refusal(call(1_000))).toEqual(throttled(TOO_MANY_TOKENS));
    for (let failed = 0; failed < 2; failed++)
      expect(await refusal(call(1))).toEqual(
        expect.objectContaining({ name: "ModelErrorException" }),
      );
    expect(await refusal(call(1_000))).toEqual(throttled(TOO_MANY_REQUESTS));
  });
});

test("reset() forgets what was used; a call from before takes nothing any more", async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  await start({ tokensPerMinute: 5_000 }, async ({ inferenceConfig }) => {
    if (inferenceConfig.maxTokens === 4_000) await gate;
    return counting(inferenceConfig.maxTokens === 4_000 ? 3_000 : 0, 0);
  });
  const before = converse(client, call(4_000));
  await until(() => bedrock.requests.length === 1);
  await expectLeft(999);
  bedrock.reset();
  await expectLeft(5_000);
  open();
  await before;
  await expectLeft(5_000);
});

test("Without a quota nothing is refused", async () => {
  await start({});
  const calls = Array.from({ length: 50 }, () => refusal(call(64_000)));
  expect(new Set(await Promise.all(calls))).toEqual(new Set([undefined]));
});
