import type { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import {
  ConfigurationError,
  type LLMContext,
  ModelInvocationError,
} from "@lambdallm/core";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";
import { failureOf } from "./support.ts";

const before = process.env;
beforeEach(() => {
  process.env = { ...before, AWS_REGION: "eu-west-1" };
});
afterEach(() => {
  process.env = before;
});

/** As the stubs in users' tests: only what they have thought of. */
function ask<Result>(
  answer: unknown,
  run: (context: LLMContext) => Promise<Result>,
  members: object = {},
): Promise<Result> {
  const stub = { send: async () => answer, ...members };
  const handler = middy()
    // The provider sends, and needs hardly more of a client.
    .use(bedrock({ client: stub as unknown as BedrockRuntimeClient }))
    .handler(async (_event, context) => run(context));
  return handler({}, new MockLambdaContext());
}

const messages = [{ role: "user", content: [{ text: "Hi" }] }] as const;
const converse = (context: LLMContext) =>
  context.converse({ messages: [...messages] });
async function streamed(context: LLMContext) {
  const stream = context.stream("Hi");
  let text = "";
  for await (const piece of stream) text += piece;
  return { text, response: await stream.response };
}

const message = { role: "assistant", content: [{ text: "Hello" }] };
const events = [
  { messageStart: { role: "assistant" } },
  { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "Hel" } } },
  { contentBlockDelta: { contentBlockIndex: 0, delta: { text: "lo" } } },
  { messageStop: { stopReason: "end_turn" } },
];
async function* generated() {
  yield* events;
}

describe("A stubbed client", () => {
  test("may leave out $metadata, the stop reason, usage and metrics", async () => {
    const response = await ask({ output: { message } }, converse);
    expect(response).toMatchObject({
      text: "Hello",
      stopReason: "end_turn",
      region: "eu-west-1",
      usage: { estimated: true },
    });
    expect(response).not.toHaveProperty("requestId");
  });

  test.each([
    ["an array", () => events],
    ["an async generator", generated],
  ])("may stream %s", async (_, stream) => {
    const { text, response } = await ask({ stream: stream() }, streamed);
    expect(text).toBe("Hello");
    expect(response).toMatchObject({
      stopReason: "end_turn",
      usage: { estimated: true },
    });
  });

  test.each([
    ["nothing", undefined],
    ["an empty object", {}],
    ["no output", { output: undefined, $metadata: {} }],
  ])(
    "that answers with %s is an answer that is not complete",
    async (_, answer) => {
      const failure = await failureOf(ask(answer, converse));
      expect(failure).toBeInstanceOf(ModelInvocationError);
      expect(failure).toMatchObject({ reason: "interrupted" });
    },
  );

  test.each([
    ["nothing", undefined],
    ["no stream", { stream: undefined }],
  ])(
    "that answers a streamed call with %s is told what to give",
    async (_, answer) => {
      const failure = await failureOf(ask(answer, streamed));
      expect(failure).toBeInstanceOf(ConfigurationError);
      expect(failure.message).toContain("has no stream");
    },
  );

  test("that answers countTokens with nothing has counted none", async () => {
    const count = ask(undefined, (context) =>
      context.countTokens({ messages: [...messages] }),
    );
    expect(await count).toBe(0);
  });

  test("may have a Region of its own, or a config without one", async () => {
    const answer = { output: { message } };
    for (const [config, region] of [
      [{ region: async () => "us-west-2" }, "us-west-2"],
      [{}, "eu-west-1"],
    ] as const)
      expect(await ask(answer, converse, { config })).toMatchObject({ region });
  });

  test("without a Region anywhere is told what to set", async () => {
    process.env = { ...before };
    delete process.env["AWS_REGION"];
    delete process.env["AWS_DEFAULT_REGION"];
    const failure = await failureOf(ask({ output: { message } }, converse));
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect(failure.message).toContain("set AWS_REGION");
  });
});
