import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import {
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { afterEach, describe, expect, test } from "@jest/globals";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { generate } from "selfsigned";
import {
  type BedrockRequest,
  type LocalBedrock,
  ServiceError,
  type StartBedrockOptions,
  startBedrock,
} from "../src/index.ts";
import { originOf } from "../src/origin.ts";
import {
  ask,
  clientOf,
  collect,
  converse,
  HAIKU,
  kindsOf,
  post,
  TRANSPORTS,
  until,
} from "./helpers.ts";

let bedrock: LocalBedrock;

async function start(options: StartBedrockOptions = {}): Promise<LocalBedrock> {
  bedrock = await startBedrock(options);
  return bedrock;
}

afterEach(() => bedrock.close());

describe.each(TRANSPORTS)("over %s", (_name, transport) => {
  test("a Converse call gets text, usage and metrics", async () => {
    await start({ respond: () => "Hello there" });
    const answer = await converse(clientOf(bedrock, transport()), ask("Hi"));
    expect(answer.output?.message).toEqual({
      role: "assistant",
      content: [{ text: "Hello there" }],
    });
    expect(answer.stopReason).toBe("end_turn");
    expect(answer.usage).toEqual({
      inputTokens: 1,
      outputTokens: 3,
      totalTokens: 4,
    });
    expect(answer.metrics?.latencyMs).toBeGreaterThanOrEqual(0);
    expect(answer.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("a stream sends its events in the order of the service", async () => {
    await start({
      respond: () => ({
        content: [
          {
            reasoningContent: {
              reasoningText: { text: "So be it", signature: "s" },
            },
          },
          { text: "One two" },
          {
            toolUse: { toolUseId: "t1", name: "find", input: { what: "keys" } },
          },
          { toolUse: { toolUseId: "t2", name: "list", input: {} } },
        ],
        additionalModelResponseFields: { stop_sequence: "x" },
      }),
    });
    const { events, error } = await collect(
      clientOf(bedrock, transport()),
      ask("Hi"),
    );
    expect(error).toBeUndefined();
    expect(events).toEqual([
      { messageStart: { role: "assistant" } },
      ...["So", " be", " it"].map((text) => ({
        contentBlockDelta: {
          contentBlockIndex: 0,
          delta: { reasoningContent: { text } },
        },
      })),
      {
        contentBlockDelta: {
          contentBlockIndex: 0,
          delta: { reasoningContent: { signature: "s" } },
        },
      },
      { contentBlockStop: { contentBlockIndex: 0 } },
      { contentBlockDelta: { contentBlockIndex: 1, delta: { text: "One" } } },
      { contentBlockDelta: { contentBlockIndex: 1, delta: { text: " two" } } },
      { contentBlockStop: { contentBlockIndex: 1 } },
      {
        contentBlockStart: {
          contentBlockIndex: 2,
          start: { toolUse: { toolUseId: "t1", name: "find" } },
        },
      },
      ...['{"what":"key', 's"}'].map((input) => ({
        contentBlockDelta: {
          contentBlockIndex: 2,
          delta: { toolUse: { input } },
        },
      })),
      { contentBlockStop: { contentBlockIndex: 2 } },
      {
        contentBlockStart: {
          contentBlockIndex: 3,
          start: { toolUse: { toolUseId: "t2", name: "list" } },
        },
      },
      {
        contentBlockDelta: {
          contentBlockIndex: 3,
          delta: { toolUse: { input: "" } },
        },
      },
      { contentBlockStop: { contentBlockIndex: 3 } },
      {
        messageStop: {
          stopReason: "tool_use",
          additionalModelResponseFields: { stop_sequence: "x" },
        },
      },
      {
        metadata: {
          usage: expect.objectContaining({ totalTokens: expect.any(Number) }),
          metrics: { latencyMs: expect.any(Number) },
        },
      },
    ]);
  });

  test("the bytes of an image reach the responder and come back", async () => {
    const image = {
      format: "png",
      source: { bytes: new Uint8Array([1, 2, 3]) },
    } as const;
    const seen: BedrockRequest[] = [];
    await start({
      respond: (request) => {
        seen.push(request);
        return {
          content: [
            { image },
            { reasoningContent: { redactedContent: new Uint8Array([9]) } },
          ],
        };
      },
    });
    const client = clientOf(bedrock, transport());
    const input = ask("Look", {
      messages: [{ role: "user", content: [{ text: "Look" }, { image }] }],
    });
    const answer = await converse(client, input);
    expect(seen[0]?.messages[0]?.content[1]).toEqual({ image });
    expect(answer.output?.message?.content).toEqual([
      { image },
      { reasoningContent: { redactedContent: new Uint8Array([9]) } },
    ]);
    const { events } = await collect(client, input);
    expect(events).toContainEqual({
      contentBlockStart: {
        contentBlockIndex: 0,
        start: { image: { format: "png" } },
      },
    });
    expect(events).toContainEqual({
      contentBlockDelta: {
        contentBlockIndex: 0,
        delta: { image: { source: image.source } },
      },
    });
  });

  test("a client that aborts is seen to have hung up, and after which event", async () => {
    let isAborted = false;
    await start({
      respond: ({ signal }) => {
        signal.addEventListener("abort", () => {
          isAborted = true;
        });
        return "one two three four five";
      },
      faults: () => ({ tokenDelayMs: 20 }),
    });
    const abort = new AbortController();
    const { stream } = await clientOf(bedrock, transport()).send(
      new ConverseStreamCommand(ask("Count")),
      { abortSignal: abort.signal },
    );
    let seen = 0;
    try {
      for await (const _event of stream ?? []) if (++seen === 3) abort.abort();
    } catch {
      // HTTP/1.1 says that the connection broke; HTTP/2 just ends.
    }
    const [request] = bedrock.requests;
    const end = await request?.closed;
    expect(end?.byClient).toBe(true);
    expect(end?.eventsSent).toBeGreaterThanOrEqual(3);
    expect(end?.eventsSent).toBeLessThan(9);
    expect(request?.closedByClient).toBe(true);
    expect(request?.eventsSent).toBe(end?.eventsSent);
    expect(isAborted).toBe(true);
  });

  test("model ids and ARNs arrive decoded, the body parsed, the headers in lower case", async () => {
    await start({ respond: () => "ok" });
    const modelId =
      "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123";
    await converse(clientOf(bedrock, transport()), ask("Hi", { modelId }));
    expect(bedrock.requests[0]).toMatchObject({
      method: "POST",
      operation: "Converse",
      modelId,
      path: `/model/${encodeURIComponent(modelId)}/converse`,
      body: { messages: [{ role: "user", content: [{ text: "Hi" }] }] },
      headers: { "content-type": "application/json" },
    });
  });

  test("CountTokens and InvokeModel answer", async () => {
    await start({ respond: () => "ok" });
    const client = clientOf(bedrock, transport());
    const { inputTokens } = await client.send(
      new CountTokensCommand({
        modelId: "anthropic.claude-haiku-4-5-20251001-v1:0",
        input: {
          converse: {
            messages: [{ role: "user", content: [{ text: "12345678" }] }],
          },
        },
      }),
    );
    expect(inputTokens).toBe(2);
    const { body } = await client.send(
      new InvokeModelCommand({
        modelId: HAIKU,
        body: JSON.stringify({
          anthropic_version: "bedrock-2023-05-31",
          max_tokens: 10,
          messages: [{ role: "user", content: "Hi" }],
        }),
      }),
    );
    expect(JSON.parse(body.transformToString())).toMatchObject({
      type: "message",
      content: [{ type: "text", text: "ok" }],
    });
  });
});

test("startBedrock needs no options", async () => {
  await using local = await startBedrock();
  expect(local.port).toBeGreaterThan(0);
});

describe("connections", () => {
  test("HTTP/1.1 requests one after the other share a connection", async () => {
    await start({ respond: () => "ok" });
    const client = clientOf(bedrock, { requestHandler: new NodeHttpHandler() });
    await converse(client, ask("Hi"));
    await converse(client, ask("Hi"));
    await collect(client, ask("Hi"));
    expect(bedrock.requests.map(({ connectionId }) => connectionId)).toEqual([
      1, 1, 1,
    ]);
    expect(bedrock.connections).toBe(1);
    bedrock.reset();
    expect(bedrock.connections).toBe(0);
    expect(bedrock.requests).toEqual([]);
  });

  test("the SDK's default opens one HTTP/2 connection a call", async () => {
    await start({ respond: () => "ok" });
    const client = clientOf(bedrock);
    await converse(client, ask("Hi"));
    await converse(client, ask("Hi"));
    expect(bedrock.requests.map(({ connectionId }) => connectionId)).toEqual([
      1, 2,
    ]);
    expect(bedrock.requests[0]?.httpVersion).toBe("2.0");
  });

  test("a connection whose first bytes come one by one is understood all the same", async () => {
    await start({ respond: () => "ok" });
    const socket = net.connect(bedrock.port, "127.0.0.1");
    await once(socket, "connect");
    socket.setNoDelay(true);
    for (const byte of "POST ") {
      socket.write(byte);
      // Several turns of the event loop that both ends share: the byte arrives alone.
      for (let turn = 0; turn < 5; turn++)
        await new Promise((resolve) => setTimeout(resolve, 2));
    }
    socket.write(
      "/nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 404 /);
  });

  test.each([
    ["no HTTP at all", "\u0001\u0002 what is this\r\n\r\n"],
    [
      "a broken HTTP/2 session",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage garbage garbage",
    ],
  ])("%s ends the connection and nothing else", async (_name, bytes) => {
    await start({ respond: () => "ok" });
    const socket = net.connect(bedrock.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.write(bytes);
    await once(socket, "close");
    expect((await post(bedrock, HAIKU, "converse", ask("Hi"))).status).toBe(
      200,
    );
  });

  test("a connection without a byte is nothing", async () => {
    await start({ respond: () => "ok" });
    const socket = net.connect(bedrock.port, "127.0.0.1");
    socket.end();
    socket.resume();
    await once(socket, "close");
    expect(bedrock.requests).toEqual([]);
  });

  test("a client that leaves in the middle of its request is forgotten", async () => {
    await start({ respond: () => "ok" });
    const socket = net.connect(bedrock.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(
      `POST /model/${HAIKU}/converse HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{`,
    );
    await until(() => bedrock.connections === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.resetAndDestroy();
    expect((await post(bedrock, HAIKU, "converse", ask("Hi"))).status).toBe(
      200,
    );
    expect(bedrock.requests).toHaveLength(1);
  });

  test("an HTTP/2 client that resets its stream while the answer waits is noticed", async () => {
    await start({ respond: () => "ok", faults: [{ latencyMs: 60_000 }] });
    const session = http2.connect(bedrock.url);
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": `/model/${encodeURIComponent(HAIKU)}/converse`,
    });
    stream.on("error", () => {});
    stream.end("{}");
    await until(() => bedrock.requests.length === 1);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    expect(await bedrock.requests[0]?.closed).toEqual({
      byClient: true,
      eventsSent: 0,
    });
    session.destroy();
  });

  test("close destroys what is under way, and await using closes", async () => {
    await start();
    const abandoned = await startBedrock({ faults: [{ latencyMs: 60_000 }] });
    const answer = converse(clientOf(abandoned), ask("Hi")).catch(
      (error: Error) => error,
    );
    await until(() => abandoned.requests.length === 1);
    await abandoned[Symbol.asyncDispose]();
    expect(await answer).toBeInstanceOf(Error);
    expect((await abandoned.requests[0]?.closed)?.byClient).toBe(false);
  });

  test("a port in use rejects", async () => {
    await start();
    await expect(startBedrock({ port: bedrock.port })).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
  });

  test("an IPv6 host stands in brackets", () => {
    expect(originOf("http", "::1", 80)).toBe("http://[::1]:80");
  });
});

describe("TLS", () => {
  test("negotiates HTTP/2 and HTTP/1.1, and a cut reaches through it", async () => {
    const { private: key, cert } = await generate(
      [{ name: "commonName", value: "localhost" }],
      {
        extensions: [
          { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
        ],
      },
    );
    await start({ respond: () => "ok", tls: { key, cert } });
    expect(bedrock.url).toBe(`https://127.0.0.1:${bedrock.port}`);
    const session = http2.connect(bedrock.url, { ca: cert });
    const stream = session.request({
      ":method": "POST",
      ":path": `/model/${encodeURIComponent(HAIKU)}/converse`,
    });
    stream.end(JSON.stringify(ask("Hi")));
    const [headers] = (await once(stream, "response")) as [
      Record<string, unknown>,
    ];
    expect(headers[":status"]).toBe(200);
    session.destroy();
    const { Agent } = await import("node:https");
    const client = clientOf(bedrock, {
      requestHandler: new NodeHttpHandler({
        httpsAgent: new Agent({ ca: cert, keepAlive: true }),
      }),
    });
    expect((await converse(client, ask("Hi"))).stopReason).toBe("end_turn");
    bedrock.setFaults([{ cut: "body" }]);
    await expect(converse(client, ask("Hi"))).rejects.toThrow("aborted");
    expect(bedrock.requests.map(({ httpVersion }) => httpVersion)).toEqual([
      "2.0",
      "1.1",
      "1.1",
    ]);
    const plain = net.connect(bedrock.port, "127.0.0.1");
    plain.on("error", () => {});
    plain.resume();
    plain.write("GET / HTTP/1.1\r\n\r\n");
    await once(plain, "close");
  });
});

describe("answers", () => {
  const stream = async (options: StartBedrockOptions) => {
    await start(options);
    return collect(clientOf(bedrock), ask("Hi"));
  };

  test("explicit chunks are the pieces of the first text", async () => {
    const { events } = await stream({
      respond: () => ({
        content: [{ text: "abc" }, { text: "d e" }],
        chunks: ["a", "", "bc"],
      }),
    });
    const texts = events.map((event) => event.contentBlockDelta?.delta?.text);
    expect(texts.filter((text) => text !== undefined)).toEqual([
      "a",
      "",
      "bc",
      "d",
      " e",
    ]);
  });

  test("raw events are sent as they are, and nothing else", async () => {
    const { events } = await stream({
      respond: () => ({
        content: [],
        rawEvents: [
          { type: "messageStart", payload: { role: "assistant" } },
          { type: "novelEvent", payload: { x: 1 } },
          {
            type: "contentBlockDelta",
            payload: { contentBlockIndex: 0, delta: { hologram: { x: 1 } } },
          },
        ],
      }),
    });
    expect(events).toEqual([
      { messageStart: { role: "assistant" } },
      {
        contentBlockDelta: {
          contentBlockIndex: 0,
          delta: { $unknown: ["hologram", { x: 1 }] },
        },
      },
    ]);
  });

  test("unknown blocks, citations and broken tool arguments pass through", async () => {
    const respond = () => ({
      content: [
        { $unknown: ["hologram", { x: 1 }] as const },
        {
          citationsContent: {
            content: [{ text: "cited" }],
            citations: [{ title: "T" }],
          },
        },
        { toolUse: { toolUseId: "t", name: "f", input: '{"a":' } },
        { citationsContent: {} },
        { reasoningContent: { reasoningText: { text: "hm" } } },
      ],
    });
    const { events } = await stream({ respond });
    const deltas = events.flatMap((event) =>
      event.contentBlockDelta === undefined
        ? []
        : [event.contentBlockDelta.delta],
    );
    expect(deltas).toEqual([
      { $unknown: ["hologram", { x: 1 }] },
      { text: "cited" },
      { citation: { title: "T" } },
      { toolUse: { input: '{"a":' } },
      { reasoningContent: { text: "hm" } },
    ]);
    const raw = await post(bedrock, HAIKU, "converse", ask("Hi"));
    expect(raw.body.output.message.content[0]).toEqual({ hologram: { x: 1 } });
  });

  test("usage, trace and metrics of a responder win, and tiers are repeated", async () => {
    await start({
      respond: () => ({
        content: [{ text: "ok" }],
        stopReason: "guardrail_intervened",
        usage: {
          inputTokens: 1,
          outputTokens: 2,
          cacheReadInputTokens: 3,
          cacheWriteInputTokens: 4,
        },
        trace: { promptRouter: { invokedModelId: "m" } },
        metrics: { latencyMs: 7 },
      }),
    });
    const body = {
      ...ask("Hi"),
      serviceTier: { type: "flex" },
      performanceConfig: { latency: "optimized" },
    };
    const { body: answer } = await post(bedrock, HAIKU, "converse", body);
    expect(answer).toEqual({
      output: { message: { role: "assistant", content: [{ text: "ok" }] } },
      stopReason: "guardrail_intervened",
      usage: {
        inputTokens: 1,
        outputTokens: 2,
        totalTokens: 10,
        cacheReadInputTokens: 3,
        cacheWriteInputTokens: 4,
      },
      metrics: { latencyMs: 7 },
      trace: { promptRouter: { invokedModelId: "m" } },
      serviceTier: { type: "flex" },
      performanceConfig: { latency: "optimized" },
    });
  });

  test("text is cut at maxTokens and at the first stop sequence, an object is not", async () => {
    await start({ respond: () => "one two three STOP four" });
    const with_ = (inferenceConfig: object) =>
      post(bedrock, HAIKU, "converse", ask("Hi", { inferenceConfig }));
    const cut = await with_({ maxTokens: 2 });
    expect(cut.body.output.message.content).toEqual([{ text: "one two" }]);
    expect(cut.body.stopReason).toBe("max_tokens");
    const stopped = await with_({ stopSequences: ["four", "STOP", "", 5] });
    expect(stopped.body.output.message.content).toEqual([
      { text: "one two three " },
    ]);
    expect(stopped.body.stopReason).toBe("stop_sequence");
    expect((await with_({ stopSequences: ["absent"] })).body.stopReason).toBe(
      "end_turn",
    );
    await bedrock.close();
    await start({ respond: () => "Donaudampfschifffahrt" });
    const word = await with_({ maxTokens: 1 });
    expect(word.body.output.message.content).toEqual([{ text: "D" }]);
    await bedrock.close();
    await start({ respond: () => ({ content: [{ text: "one two three" }] }) });
    expect((await with_({ maxTokens: 1 })).body.stopReason).toBe("end_turn");
  });

  test("an error of the service that a responder throws is sent", async () => {
    await start({
      respond: () => {
        throw new ServiceError("ModelErrorException", {
          originalStatusCode: 418,
          cause: "tea",
        });
      },
    });
    const error = await post(bedrock, HAIKU, "converse-stream", ask("Hi"));
    expect(error.status).toBe(424);
    expect(error.headers.get("x-amzn-errortype")).toBe("ModelErrorException");
    expect(error.body).toMatchObject({
      originalStatusCode: 418,
      resourceName: "model",
    });
  });

  test.each([[new Error("oh no")], ["oh no"]])(
    "anything else that a responder throws is an InternalServerException",
    async (thrown) => {
      await start({
        respond: () => {
          throw thrown;
        },
      });
      const error = await post(bedrock, HAIKU, "converse", ask("Hi"));
      expect(error.status).toBe(500);
      expect(error.body.message).toContain("oh no");
    },
  );

  test("a large stream waits for a slow reader", async () => {
    const text = "word ".repeat(60_000).trim();
    const { events } = await stream({
      respond: () => ({
        content: [{ text }],
        chunks: text.match(/.{1,30000}/g) ?? [],
      }),
    });
    expect(kindsOf(events).at(-1)).toBe("metadata");
    expect(
      events
        .map((event) => event.contentBlockDelta?.delta?.text ?? "")
        .join(""),
    ).toBe(text);
  });
});
