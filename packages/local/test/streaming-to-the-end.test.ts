import { once } from "node:events";
import http from "node:http";
import type { Readable } from "node:stream";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import {
  type BodyFormat,
  invocationOf,
  type LLMContext,
  type MiddyMiddleware,
  toResponseBody,
} from "@lambdallm/core";
import { MockLambdaContext } from "@lambdallm/testing";
import middyDefault from "@middy/core";
import httpErrorHandler from "@middy/http-error-handler";
import { createParser } from "eventsource-parser";
import {
  type Fault,
  installAwslambda,
  type LambdaHandler,
  type LocalBedrock,
  type LocalFunctionUrl,
  type Reply,
  type StreamEvent,
  startBedrock,
  startFunctionUrl,
} from "../src/index.ts";
import { until } from "./helpers.ts";

const HOUR_MS = 3_600_000;
const PIECES = ["Once", " upon\n\n", "a “time”"];
const WHOLE = PIECES.join("");
/** Of that answer: messageStart, three deltas, contentBlockStop, messageStop, metadata. */
const FIRST_DELTA = 2;
const MESSAGE_STOP = 5;
const METADATA = 6;

/** More than any test reads; the first event after `messageStart` is a text. */
const ENDLESS: readonly StreamEvent[] = [
  { type: "messageStart", payload: { role: "assistant" } },
  ...Array.from({ length: 100_000 }, () => ({
    type: "contentBlockDelta",
    payload: { contentBlockIndex: 0, delta: { text: "tick " } },
  })),
];

let local: LocalBedrock;
let front: LocalFunctionUrl | undefined;
let reply: Reply;
/** What went wrong in the bodies, and how often their invocations ended. */
let seen: { errors: unknown[]; flushed: number };
let logged: string[];

beforeAll(async () => {
  installAwslambda();
  // The catalog's models end one day; these tests do not.
  local = await startBedrock({
    respond: () => reply,
    now: () => Date.UTC(2026, 10, 22),
  });
});
beforeEach(() => {
  local.reset();
  reply = { content: [{ text: WHOLE }], chunks: PIECES };
  seen = { errors: [], flushed: 0 };
  logged = [];
});
afterEach(() => front?.close());
afterAll(() => local.close());

type Handle = (context: LLMContext) => Promise<unknown>;

const provider = () =>
  bedrock({
    region: "us-east-1",
    clientConfig: {
      endpoint: local.url,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    },
  });

const watch: MiddyMiddleware = {
  before: async ({ context }) => {
    const invocation = invocationOf(context);
    invocation.events.on("body-error", ({ error }) => seen.errors.push(error));
    invocation.addFinalizer(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      seen.flushed += 1;
    });
  },
};

/** Behind Middy in its streaming mode. */
async function streaming(
  major: string,
  handle: Handle,
): Promise<LambdaHandler> {
  // Both read the global `awslambda` when they are loaded.
  const chain =
    major === "6"
      ? (await import("middy6")).default({ streamifyResponse: true })
      : (await import("middy7")).default({
          executionMode: (await import("middy7/StreamifyResponse"))
            .executionModeStreamifyResponse,
        });
  // Typed as 7 in its standard mode: what differs is not used here.
  return (chain as unknown as ReturnType<typeof middyDefault>)
    .use(httpErrorHandler({ logger: false }))
    .use(provider())
    .use(watch)
    .handler(async (_event, context) =>
      handle(context),
    ) as unknown as LambdaHandler;
}

async function serve(major: string, handle: Handle): Promise<string> {
  front = await startFunctionUrl(await streaming(major, handle), {
    log: (line) => logged.push(line),
  });
  return front.url;
}

interface Parsed {
  readonly text: string;
  readonly objects: readonly unknown[];
  readonly done?: unknown;
  readonly error?: unknown;
}

/** Reads a body as its client would; what does not belong to its format fails the test. */
function parse(format: BodyFormat, body: string): Parsed {
  if (format === "text") {
    const [, text = body, code, message] =
      /^(.*?)\n{1,2}\[(\w+)\] (.*)\n$/s.exec(body) ?? [];
    return { text, objects: [], ...(code && { error: { code, message } }) };
  }
  const records: Record<string, unknown>[] = [];
  if (format === "ndjson") {
    expect(body).toMatch(/\n$/);
    for (const line of body.slice(0, -1).split("\n"))
      records.push(JSON.parse(line));
  } else {
    expect(body).toMatch(/\n\n$/);
    createParser({
      onEvent: ({ event, data }) => {
        const record = JSON.parse(data);
        records.push(event === undefined ? record : { [event]: record });
      },
      onError: (error) => {
        throw error;
      },
    }).feed(body);
  }
  // Only the last record says how it ended.
  for (const record of records.slice(0, -1))
    expect(Object.keys(record).join()).toMatch(/^(text|object)$/);
  const { done, error } = records.at(-1) ?? {};
  return {
    text: records.map(({ text = "" }) => text).join(""),
    objects: records.flatMap(({ object }) => (object ? [object] : [])),
    ...(done !== undefined && { done }),
    ...(error !== undefined && { error }),
  };
}

const TYPES: Record<BodyFormat, string> = {
  text: "text/plain; charset=utf-8",
  sse: "text/event-stream",
  ndjson: "application/x-ndjson",
};

const tell = (format: BodyFormat): Handle => {
  return async ({ stream }) => ({
    statusCode: 200,
    body: toResponseBody(stream("Tell a tale"), { format }),
  });
};

const done = (format: BodyFormat) =>
  format === "text" ? {} : { done: { stopReason: "end_turn" } };

const failed = {
  error: { code: "MODEL_INVOCATION", message: expect.any(String) },
};

describe.each(["6", "7"])("Middy %s", (major) => {
  describe.each(["text", "sse", "ndjson"] as const)(
    "streams the model's text as %s",
    (format) => {
      const answer = async (fault: Fault = {}) => {
        local.setFaults([fault]);
        const url = await serve(major, tell(format));
        const response = await fetch(url);
        const body = await response.text();
        // Awaited before the body's end, and run once.
        expect(seen.flushed).toBe(1);
        expect(response.status).toBe(200);
        expect(response.headers.get("content-type")).toBe(TYPES[format]);
        const parsed = parse(format, body);
        // The process lives on: the next invocation is as good as any.
        local.setFaults([]);
        const next = parse(format, await (await fetch(url)).text());
        expect(next).toEqual({ text: WHOLE, objects: [], ...done(format) });
        expect(seen.flushed).toBe(2);
        expect(logged).toEqual([]);
        return parsed;
      };

      test("to its end", async () => {
        expect(await answer()).toMatchObject({ text: WHOLE, ...done(format) });
        expect(seen.errors).toEqual([]);
      });

      test.each<[string, Fault, string]>([
        ["instead of an answer", { error: "ModelErrorException" }, ""],
        ["by a cut connection", { cut: "before" }, ""],
        [
          "at byte 0",
          { streamError: { name: "modelStreamErrorException" } },
          "",
        ],
        [
          "after the first delta",
          {
            streamError: {
              name: "modelStreamErrorException",
              afterEvents: FIRST_DELTA,
            },
          },
          "Once",
        ],
        [
          "between two frames",
          { cut: "body", afterEvents: FIRST_DELTA },
          "Once",
        ],
        [
          "in the middle of a frame",
          { cut: "body", afterEvents: FIRST_DELTA, midFrame: true },
          "Once",
        ],
        [
          "at messageStop",
          {
            streamError: {
              name: "modelStreamErrorException",
              afterEvents: MESSAGE_STOP,
            },
          },
          WHOLE,
        ],
        ["without messageStop", { endAfterEvents: MESSAGE_STOP }, WHOLE],
      ])("up to a failure %s", async (_when, fault, text) => {
        expect(await answer(fault)).toEqual({ text, objects: [], ...failed });
        expect(seen.errors).toEqual([
          expect.objectContaining({ name: "ModelInvocationError" }),
        ]);
      });

      test.each<[string, Fault]>([
        [
          "a failure",
          {
            streamError: {
              name: "modelStreamErrorException",
              afterEvents: METADATA,
            },
          },
        ],
        ["a cut", { cut: "body", afterEvents: METADATA, midFrame: true }],
      ])("to its end with %s at metadata", async (_what, fault) => {
        expect(await answer(fault)).toEqual({
          text: WHOLE,
          objects: [],
          ...done(format),
        });
        expect(seen.errors).toEqual([]);
      });

      test("and answers with a status when it fails before it has started", async () => {
        for (const fault of [
          { error: "ThrottlingException" },
          { streamError: { name: "throttlingException" } },
        ] satisfies Fault[]) {
          seen.flushed = 0;
          local.setFaults([fault]);
          const url = await serve(major, async ({ stream }) => {
            const tale = stream("Tell a tale");
            await tale.started;
            return { statusCode: 200, body: toResponseBody(tale, { format }) };
          });
          const response = await fetch(url);
          expect(response.status).toBe(503);
          expect(await response.text()).not.toBe("");
          expect(seen.flushed).toBe(1);
          await front?.close();
        }
      });

      test("as the whole response", async () => {
        local.setFaults([{ cut: "body", afterEvents: FIRST_DELTA }]);
        const url = await serve(major, async ({ stream }) =>
          toResponseBody(stream("Tell a tale"), { format }),
        );
        expect(parse(format, await (await fetch(url)).text())).toEqual({
          text: "Once",
          objects: [],
          ...failed,
        });
        expect(seen.flushed).toBe(1);
      });
    },
  );

  test("ends at the deadline in the way that was chosen, and what hangs soon after", async () => {
    reply = { content: [], rawEvents: ENDLESS };
    local.setFaults([{ tokenDelayMs: 10, repeat: 2 }]);
    const format = "sse";
    async function* hanging() {
      yield "tick ";
      await new Promise(() => {});
    }
    const answer = async (
      strategy: "fail-fast" | "truncate",
      stream: (context: LLMContext) => AsyncIterable<string>,
    ) => {
      const handler = await streaming(major, async (context) => {
        const invocation = invocationOf(context);
        invocation.timeoutStrategy = strategy;
        invocation.tightenDeadline(Date.now() + 2_500);
        const body = toResponseBody(stream(context), { format });
        return { statusCode: 200, body };
      });
      const log = (line: string) => logged.push(line);
      await using own = await startFunctionUrl(handler, { log });
      return parse(format, await (await fetch(own.url)).text());
    };
    const tale = ({ stream }: LLMContext) => stream("Tell a tale");
    const [failFast, truncated, hung] = await Promise.all([
      answer("fail-fast", tale),
      answer("truncate", tale),
      answer("truncate", hanging),
    ]);
    const text = expect.stringMatching(/^(tick )+$/);
    const error = {
      code: "INVOCATION_TIMEOUT",
      message: expect.any(String),
    };
    expect(failFast).toEqual({ text, objects: [], error });
    expect(truncated).toEqual({
      text,
      objects: [],
      done: { stopReason: "timeout" },
    });
    expect(hung).toEqual({ text, objects: [], error });
    expect([logged, seen.flushed]).toEqual([[], 3]);
    for (const { closed } of local.requests)
      await expect(closed).resolves.toMatchObject({ byClient: true });
  });

  test.each<[string, Fault, object]>([
    [
      "to the validated one",
      {},
      { done: { stopReason: "end_turn", tokens: expect.any(Number) } },
    ],
    ["up to a failure", { endAfterEvents: 3 }, failed],
  ])("streams growing objects %s", async (_what, fault, end) => {
    reply = {
      content: [{ text: '{"facts":["ants","bees"]}' }],
      chunks: ['{"facts":["an', 'ts","be', 'es"]}'],
    };
    for (const format of ["sse", "ndjson"] as const) {
      local.setFaults([{ tokenDelayMs: 20, ...fault }]);
      const url = await serve(major, async (context) => ({
        statusCode: 200,
        body: toResponseBody(
          context.streamStructured("List", { facts: ["string"] }),
          { format, done: () => ({ tokens: context.usage.outputTokens }) },
        ),
      }));
      const { objects, ...rest } = parse(
        format,
        await (await fetch(url)).text(),
      );
      expect(objects[0]).toEqual({ facts: ["an"] });
      if ("done" in end)
        expect(objects.at(-1)).toEqual({ facts: ["ants", "bees"] });
      expect(rest).toEqual({ text: "", ...end });
      await front?.close();
    }
    expect(seen.flushed).toBe(2);
  });

  test("streams the body of a nested provider", async () => {
    local.setFaults([{ cut: "body", afterEvents: FIRST_DELTA }]);
    const url = await serve(major, async (outer) => {
      const inner = middyDefault()
        .use(provider())
        .handler(async (_event, context) => tell("ndjson")(context));
      return inner({}, outer as never);
    });
    const response = await fetch(url);
    expect(response.headers.get("content-type")).toBe(TYPES.ndjson);
    expect(parse("ndjson", await response.text())).toEqual({
      text: "Once",
      objects: [],
      ...failed,
    });
    expect(seen.flushed).toBe(1);
  });

  test.each<[string, (url: string) => Promise<AsyncIterable<string>>]>([
    [
      "a Node stream",
      async (url) => {
        const [response] = await once(http.get(url), "response");
        return response.setEncoding("utf8");
      },
    ],
    [
      "a web stream",
      async (url) => {
        const { body } = await fetch(url);
        // Node's own types of the two halves do not fit each other.
        return body?.pipeThrough(new TextDecoderStream() as never) as never;
      },
    ],
  ])("streams %s of another service, which breaks off", async (_what, open) => {
    const other = http.createServer((_request, response) => {
      response.write("first", () => setTimeout(() => response.destroy(), 50));
    });
    await once(other.listen(0, "127.0.0.1"), "listening");
    const { port } = other.address() as { port: number };
    const url = await serve(major, async () => ({
      statusCode: 200,
      body: toResponseBody(await open(`http://127.0.0.1:${port}`), {
        format: "sse",
      }),
    }));
    expect(parse("sse", await (await fetch(url)).text())).toEqual({
      text: "first",
      objects: [],
      error: { code: "INTERNAL", message: "Internal Server Error" },
    });
    expect(seen.flushed).toBe(1);
    expect(logged).toEqual([]);
    other.close();
  });

  test("lets the model finish while its client reads nothing", async () => {
    const chunk = "x".repeat(100_000);
    // More than all the buffers between here and there.
    reply = {
      content: [{ text: chunk.repeat(200) }],
      chunks: Array.from({ length: 200 }, () => chunk),
    };
    let ended = false;
    const url = await serve(major, async (context) => {
      invocationOf(context).events.on("call-end", () => {
        ended = true;
      });
      return tell("text")(context);
    });
    const request = http.get(url);
    const [response] = (await once(request, "response")) as [Readable];
    await until(() => ended);
    const { closed } = local.requests[0] ?? {};
    await expect(closed).resolves.toMatchObject({ byClient: false });
    expect(seen.flushed).toBe(0);
    let length = 0;
    for await (const piece of response) length += piece.length;
    expect(length).toBe(chunk.length * 200);
    expect(seen.flushed).toBe(1);
  });

  test("lets the model finish for a client that went away, of which Lambda does not tell", async () => {
    local.setFaults([{ tokenDelayMs: 20 }]);
    const controller = new AbortController();
    const response = await fetch(await serve(major, tell("sse")), controller);
    await response.body?.getReader().read();
    controller.abort();
    await until(() => seen.flushed > 0);
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: false,
    });
    expect([seen, logged]).toEqual([{ errors: [], flushed: 1 }, []]);
  });
});

describe("A body that is destroyed closes the model's request", () => {
  const streamed = async (format: BodyFormat): Promise<Readable> => {
    local.setFaults([{ tokenDelayMs: HOUR_MS }]);
    // The delay comes before each event but the first.
    reply = { content: [], rawEvents: ENDLESS.slice(1) };
    const handler = middyDefault()
      .use(provider())
      .use(watch)
      .handler(async (_event, context) => tell(format)(context));
    const { body } = (await handler(
      {},
      new MockLambdaContext({ timeoutMs: 600_000 }),
    )) as { body: Readable };
    await until(() => local.requests.length > 0);
    return body;
  };

  const ended = async () => {
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
    expect(local.requests[0]?.closedByClient).toBe(true);
    expect(seen).toEqual({ errors: [], flushed: 1 });
  };

  test.each(["text", "sse", "ndjson"] as const)(
    "before anybody reads it: %s",
    async (format) => {
      const body = await streamed(format);
      body.destroy(new Error("The client is gone."));
      await once(body, "close");
      await ended();
    },
  );

  test.each(["text", "sse", "ndjson"] as const)(
    "while it is read: %s",
    async (format) => {
      const body = await streamed(format);
      body.resume();
      await once(body, "data");
      body.destroy();
      await once(body, "close");
      await ended();
    },
  );

  test("by the runtime's response stream", async () => {
    const body = await streamed("sse");
    const gone = new Writable({
      write(_chunk, _encoding, done) {
        done(new Error("EPIPE"));
      },
    });
    await expect(pipeline(body, gone)).rejects.toThrow("EPIPE");
    await until(() => body.closed);
    await ended();
  });

  test("through a generator that reads the model's stream", async () => {
    local.setFaults([{ tokenDelayMs: HOUR_MS }]);
    reply = { content: [], rawEvents: ENDLESS.slice(1) };
    const handler = middyDefault()
      .use(provider())
      .use(watch)
      .handler(async (_event, context) => {
        async function* shouting() {
          for await (const text of context.stream("Tell a tale"))
            yield text.toUpperCase();
        }
        return { statusCode: 200, body: shouting() };
      });
    const { body } = (await handler(
      {},
      new MockLambdaContext({ timeoutMs: 600_000 }),
    )) as unknown as { body: Readable };
    const [first] = await once(body.resume(), "data");
    expect(String(first)).toBe("TICK ");
    body.destroy();
    await once(body, "close");
    await ended();
  });
});
