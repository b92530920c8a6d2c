import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { type LocalBedrock, startBedrock } from "../src/index.ts";
import {
  ask,
  clientOf,
  collect,
  converse,
  HAIKU,
  kindsOf,
  post,
  until,
} from "./helpers.ts";

/** A small fake of an API like OpenAI's. */
let answer: (
  request: IncomingMessage,
  response: ServerResponse,
  body: unknown,
) => void;
const bodies: Record<string, unknown>[] = [];
const headers: http.IncomingHttpHeaders[] = [];
let server: http.Server;
let url: string;
let bedrock: LocalBedrock;

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    bodies.push(body);
    headers.push(request.headers);
    answer(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});

beforeEach(async () => {
  bodies.length = 0;
  headers.length = 0;
  bedrock = await startBedrock({
    upstream: `${url}/`,
    upstreamModel: "tiny",
    upstreamApiKey: "secret",
  });
});

afterEach(() => bedrock.close());

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const json = (
  body: unknown,
  status = 200,
  more: http.OutgoingHttpHeaders = {},
) => {
  answer = (_request, response) => {
    response.writeHead(status, { "content-type": "application/json", ...more });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
};

const choice = (message: object, finish_reason = "stop") => ({
  choices: [
    { index: 0, message: { role: "assistant", ...message }, finish_reason },
  ],
  usage: {
    prompt_tokens: 11,
    completion_tokens: 7,
    prompt_tokens_details: { cached_tokens: 4 },
  },
});

const sse = (...events: (object | string)[]) => {
  answer = (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of events)
      response.write(
        `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`,
      );
    response.end();
  };
};

const delta = (content: object, finish_reason: string | null = null) => ({
  choices: [{ index: 0, delta: content, finish_reason }],
});

describe("a call", () => {
  test("is mapped there and back", async () => {
    json(choice({ content: "Hello!" }));
    const result = await converse(
      clientOf(bedrock),
      ask("Hi", {
        system: [{ text: "Be kind" }],
        inferenceConfig: {
          maxTokens: 50,
          temperature: 0,
          stopSequences: ["END"],
        },
      }),
    );
    expect(bodies[0]).toEqual({
      model: "tiny",
      messages: [
        { role: "system", content: "Be kind" },
        { role: "user", content: "Hi" },
      ],
      max_tokens: 50,
      temperature: 0,
      stop: ["END"],
    });
    expect(headers[0]?.authorization).toBe("Bearer secret");
    expect(result).toMatchObject({
      output: { message: { role: "assistant", content: [{ text: "Hello!" }] } },
      stopReason: "end_turn",
      usage: {
        inputTokens: 7,
        outputTokens: 7,
        totalTokens: 18,
        cacheReadInputTokens: 4,
      },
    });
  });

  test("takes the Bedrock id as the model's name and no key when none are given", async () => {
    await bedrock.close();
    bedrock = await startBedrock({ upstream: url });
    json(choice({ content: "ok" }));
    await converse(clientOf(bedrock), ask("Hi"));
    expect(bodies[0]?.["model"]).toBe(HAIKU);
    expect(headers[0]?.authorization).toBeUndefined();
  });

  test("maps images, tools, their calls and results, and a schema", async () => {
    json(choice({ content: "done" }));
    const spec = {
      name: "find",
      description: "Finds",
      inputSchema: { json: { type: "object" } },
      strict: true,
    };
    await post(bedrock, HAIKU, "converse", {
      toolConfig: {
        tools: [{ toolSpec: spec }, { systemTool: { name: "s" } }],
        toolChoice: { any: {} },
      },
      outputConfig: {
        textFormat: {
          type: "json_schema",
          structure: {
            jsonSchema: {
              schema: '{"type":"object","additionalProperties":false}',
              name: "out",
            },
          },
        },
      },
      messages: [
        {
          role: "user",
          content: [
            { text: "Look" },
            { image: { format: "png", source: { bytes: "AQI=" } } },
            {
              image: {
                format: "png",
                source: { s3Location: { uri: "s3://b/k" } },
              },
            },
          ],
        },
        {
          role: "assistant",
          content: [
            { reasoningContent: { reasoningText: { text: "hm" } } },
            { toolUse: { toolUseId: "t", name: "find", input: { a: 1 } } },
          ],
        },
        {
          role: "user",
          content: [
            {
              toolResult: {
                toolUseId: "t",
                content: [{ json: { found: true } }, { text: "yes" }],
              },
            },
          ],
        },
        { role: "assistant", content: [{ text: "So" }, { text: "it is" }] },
        {
          role: "user",
          content: [{ text: "Go" }, { cachePoint: { type: "default" } }],
        },
      ],
    });
    expect(bodies[0]).toEqual({
      model: "tiny",
      tools: [
        {
          type: "function",
          function: {
            name: "find",
            description: "Finds",
            parameters: { type: "object" },
            strict: true,
          },
        },
      ],
      tool_choice: "required",
      response_format: {
        type: "json_schema",
        json_schema: {
          name: "out",
          schema: { type: "object", additionalProperties: false },
          strict: true,
        },
      },
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "Look" },
            {
              type: "image_url",
              image_url: { url: "data:image/png;base64,AQI=" },
            },
            { type: "image_url", image_url: { url: "data:image/png;base64," } },
          ],
        },
        {
          role: "assistant",
          content: "",
          tool_calls: [
            {
              id: "t",
              type: "function",
              function: { name: "find", arguments: '{"a":1}' },
            },
          ],
        },
        { role: "tool", tool_call_id: "t", content: '{"found":true}\nyes' },
        { role: "assistant", content: "So\nit is" },
        { role: "user", content: "Go" },
      ],
    });
  });

  test.each([
    [{ auto: {} }, "auto"],
    [undefined, "auto"],
    [
      { tool: { name: "find" } },
      { type: "function", function: { name: "find" } },
    ],
  ])("maps the tool choice %j", async (toolChoice, expected) => {
    json(choice({ content: "ok" }));
    const tools = [
      { toolSpec: { name: "find", inputSchema: { json: { type: "object" } } } },
    ];
    await post(bedrock, "acme.m", "converse", {
      ...ask("Hi"),
      toolConfig: { tools, toolChoice },
    });
    expect(bodies[0]?.["tool_choice"]).toEqual(expected);
  });

  test("tools of the service alone are no tools there, and a schema has a name", async () => {
    json(choice({ content: "ok" }));
    const structure = { jsonSchema: { schema: "{}" } };
    await post(bedrock, "acme.m", "converse", {
      ...ask("Hi"),
      toolConfig: { tools: [{ systemTool: { name: "s" } }] },
      outputConfig: { textFormat: { type: "json_schema", structure } },
    });
    expect(bodies[0]).not.toHaveProperty("tools");
    expect(bodies[0]).toMatchObject({
      response_format: { json_schema: { name: "answer" } },
    });
  });

  test("brings back tool calls and reasoning", async () => {
    json({
      ...choice(
        {
          content: null,
          reasoning_content: "hm",
          tool_calls: [
            {
              id: "c1",
              type: "function",
              function: { name: "find", arguments: '{"a":1}' },
            },
            { type: "function", function: { name: "list", arguments: "" } },
            { id: "c3", type: "function", function: { arguments: '{"a":' } },
            { id: "c4" },
          ],
        },
        "tool_calls",
      ),
      usage: undefined,
    });
    const { body } = await post(bedrock, HAIKU, "converse", ask("Hi"));
    expect(body.stopReason).toBe("tool_use");
    expect(body.usage.totalTokens).toBeGreaterThan(0);
    expect(body.output.message.content).toEqual([
      { reasoningContent: { reasoningText: { text: "hm" } } },
      { toolUse: { toolUseId: "c1", name: "find", input: { a: 1 } } },
      {
        toolUse: {
          toolUseId: expect.stringMatching(/^tooluse_/),
          name: "list",
          input: {},
        },
      },
      { toolUse: { toolUseId: "c3", name: "", input: '{"a":' } },
      { toolUse: { toolUseId: "c4", name: "", input: {} } },
    ]);
  });

  test.each([
    ["stop", "end_turn"],
    ["length", "max_tokens"],
    ["content_filter", "content_filtered"],
    ["something new", "end_turn"],
  ])("ends with %s as %s", async (finish, stopReason) => {
    json(choice({ content: "x", reasoning: "" }, finish));
    expect(
      (await post(bedrock, HAIKU, "converse", ask("Hi"))).body.stopReason,
    ).toBe(stopReason);
  });

  test("an answer without anything is an empty text", async () => {
    json("no JSON");
    const { body } = await post(bedrock, HAIKU, "converse", ask("Hi"));
    expect(body.output.message.content).toEqual([{ text: "" }]);
  });
});

describe("an upstream error", () => {
  test.each([
    [429, { "retry-after": "7" }, 429, "ThrottlingException", "7"],
    [429, {}, 429, "ThrottlingException", null],
    [500, {}, 503, "ServiceUnavailableException", null],
    [503, {}, 503, "ServiceUnavailableException", null],
    [401, {}, 403, "AccessDeniedException", null],
    [404, {}, 404, "ResourceNotFoundException", null],
    [400, {}, 400, "ValidationException", null],
  ])("%d (%j) is a %d %s", async (status, more, expected, name, retryAfter) => {
    json({ error: { message: "because" } }, status, more);
    const error = await post(bedrock, HAIKU, "converse-stream", ask("Hi"));
    expect(error.status).toBe(expected);
    expect(error.headers.get("x-amzn-errortype")).toBe(name);
    expect(error.headers.get("retry-after")).toBe(retryAfter);
    expect(error.body.message).toBe(
      `The upstream ${url}/chat/completions answered ${status}: because`,
    );
  });

  test.each([
    [{ error: "plain" }, "plain"],
    ["<html>", "<html>"],
  ])("of the form %j is quoted", async (body, quoted) => {
    json(body, 400);
    expect(
      (await post(bedrock, HAIKU, "converse", ask("Hi"))).body.message,
    ).toMatch(new RegExp(`: ${quoted}$`));
  });

  test("that it cannot be reached names its address", async () => {
    await bedrock.close();
    bedrock = await startBedrock({ upstream: "http://127.0.0.1:1/v1" });
    const error = await post(bedrock, HAIKU, "converse", ask("Hi"));
    expect(error.status).toBe(503);
    expect(error.body.message).toContain(
      "http://127.0.0.1:1/v1/chat/completions cannot be reached: ",
    );
    await bedrock.close();
    bedrock = await startBedrock({ upstream: "nonsense" });
    expect(
      (await post(bedrock, HAIKU, "converse", ask("Hi"))).body.message,
    ).toContain("cannot be reached");
  });
});

describe("a stream", () => {
  test("passes on text, reasoning and tool calls as they come", async () => {
    sse(
      delta({ role: "assistant", content: "" }),
      delta({ reasoning_content: "hm" }),
      delta({ content: "Hel" }),
      delta({ content: "lo" }),
      delta({
        tool_calls: [
          { index: 0, id: "c1", function: { name: "find", arguments: "" } },
        ],
      }),
      delta({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: "1}" } }] }),
      delta({
        tool_calls: [
          { function: { name: "list" } },
          { function: { name: "two" } },
        ],
      }),
      delta({}, "stop"),
      { choices: [], usage: { prompt_tokens: 3, completion_tokens: 5 } },
      "[DONE]",
      delta({ content: "never" }),
    );
    const { events, error } = await collect(clientOf(bedrock), ask("Hi"));
    expect(error).toBeUndefined();
    expect(bodies[0]).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(kindsOf(events)).toEqual([
      "messageStart",
      "contentBlockDelta",
      "contentBlockStop",
      "contentBlockDelta",
      "contentBlockDelta",
      "contentBlockStop",
      "contentBlockStart",
      "contentBlockDelta",
      "contentBlockDelta",
      "contentBlockDelta",
      "contentBlockDelta",
      "contentBlockStop",
      "contentBlockStart",
      "contentBlockDelta",
      "contentBlockStop",
      "messageStop",
      "metadata",
    ]);
    expect(events.at(-2)).toEqual({ messageStop: { stopReason: "tool_use" } });
    expect(events.at(-1)?.metadata?.usage).toEqual({
      inputTokens: 3,
      outputTokens: 5,
      totalTokens: 8,
    });
  });

  test("estimates the usage that nobody reported", async () => {
    sse(
      delta({ content: "12345678" }),
      delta({ reasoning: "" }, "length"),
      "[DONE]",
    );
    const { events } = await collect(clientOf(bedrock), ask("Hi"));
    expect(events.at(-2)).toEqual({
      messageStop: { stopReason: "max_tokens" },
    });
    expect(events.at(-1)?.metadata?.usage).toEqual({
      inputTokens: 1,
      outputTokens: 2,
      totalTokens: 3,
    });
  });

  test("that breaks off has no messageStop", async () => {
    sse(delta({ content: "Hel" }));
    const { events } = await collect(clientOf(bedrock), ask("Hi"));
    expect(kindsOf(events)).toEqual([
      "messageStart",
      "contentBlockDelta",
      "contentBlockStop",
    ]);
    sse();
    expect(await collect(clientOf(bedrock), ask("Hi"))).toEqual({
      events: [],
      error: undefined,
    });
    answer = (_request, response) => response.writeHead(204).end();
    expect(await collect(clientOf(bedrock), ask("Hi"))).toEqual({
      events: [],
      error: undefined,
    });
  });

  test("with an error inside ends with an exception", async () => {
    sse(delta({ content: "Hel" }), { error: { message: "out of memory" } });
    const { events, error } = await collect(clientOf(bedrock), ask("Hi"));
    expect(events.length).toBeGreaterThan(0);
    expect(error).toMatchObject({
      name: "ModelStreamErrorException",
      message: expect.stringContaining("out of memory"),
    });
    sse({ error: { code: 5 } });
    expect((await collect(clientOf(bedrock), ask("Hi"))).error).toMatchObject({
      message: expect.stringContaining('{"code":5}'),
    });
  });

  test("whose connection is lost ends with an exception", async () => {
    answer = (_request, response) => {
      response.writeHead(200);
      response.write(`data: ${JSON.stringify(delta({ content: "Hel" }))}\n\n`);
      setTimeout(() => response.destroy(), 20);
    };
    const { error } = await collect(clientOf(bedrock), ask("Hi"));
    expect(error).toBeInstanceOf(Error);
  });

  test("whose reader hangs up aborts the upstream request", async () => {
    let isGone = false;
    answer = (_request, response) => {
      response.writeHead(200);
      response.write(`data: ${JSON.stringify(delta({ content: "Hel" }))}\n\n`);
      response.once("close", () => {
        isGone = true;
      });
    };
    const abort = new AbortController();
    const { ConverseStreamCommand } = await import(
      "@aws-sdk/client-bedrock-runtime"
    );
    const { stream } = await clientOf(bedrock).send(
      new ConverseStreamCommand(ask("Hi")),
      {
        abortSignal: abort.signal,
      },
    );
    for await (const _event of stream ?? []) abort.abort();
    await until(() => isGone);
    expect(await bedrock.requests[0]?.closed).toMatchObject({ byClient: true });
  });
});
