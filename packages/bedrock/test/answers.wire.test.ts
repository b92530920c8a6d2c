import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import {
  type ConverseRequest,
  type Delta,
  GuardrailError,
  type ModelResponse,
} from "@lambdallm/core";
import type { LocalBedrock, Reply } from "@lambdallm/local";
import { ANSWER, invocation, start } from "./support.ts";

let local: LocalBedrock;
let reply: Reply;
beforeAll(async () => {
  local = await start({ respond: () => reply });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

const question = {
  messages: [{ role: "user", content: [{ text: "Well?" }] }],
} satisfies ConverseRequest;

/** The answer plain and streamed: both have to be the same. */
async function answers(): Promise<ModelResponse> {
  const plain = await invocation(local, (context) =>
    context.converse(question),
  );
  const streamed = await invocation(local, (context) =>
    context.converse({ ...question, onDelta: () => {} }),
  );
  expect(streamed.message).toEqual(plain.message);
  expect(streamed.stopReason).toBe(plain.stopReason);
  return plain;
}

const look = (name = "look") => ({
  toolUse: { toolUseId: "t", name, input: { a: 1 } },
});

describe("The stop reason is tool_use exactly when there is a call to answer", () => {
  test.each<readonly [string, string, Reply & object, string]>([
    ["an end beside a call", "end_turn", { content: [look()] }, "tool_use"],
    [
      "a call that is none",
      "tool_use",
      { content: [{ text: "No" }] },
      "end_turn",
    ],
    [
      "a cut answer stays one",
      "max_tokens",
      { content: [look()] },
      "max_tokens",
    ],
    [
      "a call that the service answers itself",
      "end_turn",
      {
        content: [
          {
            toolUse: {
              toolUseId: "t",
              name: "search",
              input: {},
              type: "server_tool_use",
            },
          },
        ],
      },
      "end_turn",
    ],
  ])("%s", async (_what, stopReason, answer, expected) => {
    reply = { ...answer, stopReason };
    expect((await answers()).stopReason).toBe(expected);
  });
});

test("the channel of gpt-oss is no part of a tool's name", async () => {
  reply = { content: [look("look<|channel|>commentary")] };
  expect((await answers()).message.content).toEqual([look()]);
  const deltas: Delta[] = [];
  await invocation(local, (context) =>
    context.converse({ ...question, onDelta: (delta) => deltas.push(delta) }),
  );
  for (const delta of deltas) expect(delta).toMatchObject({ name: "look" });
  expect(deltas.length).toBeGreaterThan(0);
});

describe("Streams and plain answers hold the same blocks at the same places", () => {
  test.each<readonly [string, Reply & object]>([
    ["blank text before a call", { content: [{ text: "" }, look()] }],
    [
      "a thought that is signed and not shown",
      {
        content: [
          {
            reasoningContent: { reasoningText: { text: "", signature: "s" } },
          },
          { text: "Yes" },
        ],
      },
    ],
    ["an empty answer", { content: [] }],
    ["an answer with an empty text", { content: [{ text: "" }] }],
  ])("%s", async (_what, answer) => {
    reply = answer;
    expect((await answers()).message.content).toEqual(answer.content);
  });

  test("a thought without a text has an empty one", async () => {
    reply = {
      content: [
        {
          reasoningContent: {
            // The service leaves the text out.
            reasoningText: { signature: "s" } as unknown as { text: string },
          },
        },
      ],
    };
    const response = await invocation(local, (context) =>
      context.converse(question),
    );
    expect(response.message.content).toEqual([
      { reasoningContent: { reasoningText: { text: "", signature: "s" } } },
    ]);
  });

  test("an empty answer is an empty answer", async () => {
    reply = { content: [] };
    await expect(
      invocation(local, (context) => context.invoke("Well?")),
    ).resolves.toBe("");
  });
});

describe("A guardrail that comes first", () => {
  const usage = { inputTokens: 7, outputTokens: 0, totalTokens: 7 };
  test.each([
    ["no message", { output: {} }],
    [
      "a message without content",
      { output: { message: { role: "assistant" } } },
    ],
  ])(
    "is a GuardrailError with its usage, and one request: %s",
    async (_what, output) => {
      local.setFaults([
        {
          status: 200,
          body: JSON.stringify({
            ...output,
            stopReason: "guardrail_intervened",
            usage,
            metrics: { latencyMs: 1 },
          }),
        },
      ]);
      const failed = await invocation(local, (context) =>
        context.invoke("Well?").catch((error: unknown) => error),
      );
      expect(GuardrailError.isInstance(failed)).toBe(true);
      expect(failed).toMatchObject({
        response: { text: "", usage: { inputTokens: 7, outputTokens: 0 } },
      });
      expect(local.requests).toHaveLength(1);
    },
  );
});

test("every event of a stream is a sign of life", async () => {
  reply = {
    content: [
      { reasoningContent: { redactedContent: new Uint8Array([1, 2]) } },
      { text: "Yes" },
    ],
  };
  let signs = 0;
  const kinds: string[] = [];
  await invocation(
    local,
    (context) =>
      context.converse({
        ...question,
        onDelta: (delta: Delta) => kinds.push(delta.kind),
      }),
    {},
    undefined,
    (prepared) =>
      prepared.intercept("attempt", "listener", (request, next) =>
        next({
          ...request,
          onActivity: () => {
            signs += 1;
          },
        }),
      ),
  );
  expect(kinds).toEqual(["text"]);
  // messageStart, two deltas, two ends of blocks, messageStop, metadata
  expect(signs).toBe(7);
});

describe("The input of a call is as JSON has it", () => {
  test("also with numbers of more digits than a number has", async () => {
    const input = {
      large: 9_007_199_254_740_992,
      list: [-1e17, { fraction: 0.1 }],
      words: { type: "bigDecimal", string: "1.5" },
    };
    reply = {
      content: [{ toolUse: { toolUseId: "t", name: "look", input } }],
    };
    const { message } = await answers();
    expect(JSON.stringify(message)).toContain(JSON.stringify(input));
  });

  test("and of more fraction than it has", async () => {
    const call = `{"toolUse":{"toolUseId":"t","name":"look","input":{"pi":3.14159265358979323846}}}`;
    const server = createServer((_request, response) => {
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(ANSWER.replace('{"text":"Yes"}', call));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // A TCP server has an address object.
    const { port } = server.address() as AddressInfo;
    try {
      const { message } = await invocation(
        { url: `http://127.0.0.1:${port}` },
        (context) => context.converse(question),
      );
      expect(message.content).toEqual([
        { toolUse: { toolUseId: "t", name: "look", input: { pi: Math.PI } } },
      ]);
    } finally {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
  });
});
