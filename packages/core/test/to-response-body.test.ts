import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { ReadableStream } from "node:stream/web";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import {
  ConfigurationError,
  ModelInvocationError,
  type ResponseBodyOptions,
  toResponseBody,
} from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockProvider, type MockResponse } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  type HandlerContext,
  PRICED,
  rejection,
  run,
  settled,
} from "./support.ts";

const broken = new ModelInvocationError("The stream broke off.", {
  reason: "interrupted",
  model: PRICED,
});
const ERROR = '{"code":"MODEL_INVOCATION","message":"The stream broke off."}';
const INTERNAL = '{"code":"INTERNAL","message":"Internal Server Error"}';

async function* generated<T>(...chunks: readonly T[]) {
  yield* chunks;
}

const webStream = (...chunks: readonly unknown[]) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

beforeEach(() => {
  jest.spyOn(console, "error").mockReturnValue();
});
afterEach(() => {
  jest.restoreAllMocks();
});

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

describe.each(middyMajors)("toResponseBody on %s", (_name, middy) => {
  const respond = async (
    handler: (context: HandlerContext) => unknown,
    answer: MockResponse = { pieces: ["Once", " upon\n"] },
  ): Promise<Sent> => {
    const model = new MockProvider({ responses: [answer] });
    const response = await run(
      middy,
      [model.middleware()],
      async (context) => handler(context) as { body: Readable },
    );
    return { ...response, body: await text(response.body) };
  };

  const sent = async (
    stream: Parameters<typeof toResponseBody>[0],
    options: ResponseBodyOptions,
  ) => (await respond(() => ({ body: toResponseBody(stream, options) }))).body;

  describe("sends the model's text", () => {
    const tell = (
      options: ResponseBodyOptions,
      answer?: MockResponse,
    ): Promise<Sent> =>
      respond(
        ({ stream }) => ({
          statusCode: 200,
          body: toResponseBody(stream("Tell a tale"), options),
        }),
        answer,
      );

    test("as it is", async () => {
      expect(await tell({ format: "text" })).toEqual({
        statusCode: 200,
        headers: { "content-type": "text/plain; charset=utf-8" },
        body: "Once upon\n",
      });
    });

    test("as server-sent events, and says how it ended", async () => {
      expect(await tell({ format: "sse" })).toEqual({
        statusCode: 200,
        headers: { "content-type": "text/event-stream" },
        body: 'data: {"text":"Once"}\n\ndata: {"text":" upon\\n"}\n\nevent: done\ndata: {"stopReason":"end_turn"}\n\n',
      });
    });

    test("as lines of JSON, and says how it ended", async () => {
      expect(await tell({ format: "ndjson" })).toEqual({
        statusCode: 200,
        headers: { "content-type": "application/x-ndjson" },
        body: '{"text":"Once"}\n{"text":" upon\\n"}\n{"done":{"stopReason":"end_turn"}}\n',
      });
    });

    test("that was cut at maxTokens, and says so", async () => {
      const { body } = await tell(
        { format: "ndjson" },
        { text: "Once", stopReason: "max_tokens" },
      );
      expect(body).toBe(
        '{"text":"Once"}\n{"done":{"stopReason":"max_tokens"}}\n',
      );
    });

    test.each([
      ["text", "Once\n\n[MODEL_INVOCATION] The stream broke off.\n"],
      ["sse", `data: {"text":"Once"}\n\nevent: error\ndata: ${ERROR}\n\n`],
      ["ndjson", `{"text":"Once"}\n{"error":${ERROR}}\n`],
    ] as const)(
      "up to a failure, whose record has the format %s without any header",
      async (format, expected) => {
        const answer = { pieces: ["Once"], error: broken };
        expect((await tell({ format }, answer)).body).toBe(expected);
      },
    );

    test("also where it is the whole response", async () => {
      const model = new MockProvider({
        responses: [{ pieces: ["Once"], error: broken }],
      });
      const body = await run(middy, [model.middleware()], async ({ stream }) =>
        toResponseBody(stream("Tell a tale"), { format: "ndjson" }),
      );
      expect(body).toBeInstanceOf(Readable);
      expect(await text(body)).toBe(`{"text":"Once"}\n{"error":${ERROR}}\n`);
    });

    test("once: a stream that was read before fails while a status code is possible", async () => {
      const failed = await rejection(
        respond(async ({ stream }) => {
          const tale = stream("Tell a tale");
          for await (const _piece of tale);
          return { body: toResponseBody(tale, { format: "sse" }) };
        }),
      );
      expect(failed).toBeInstanceOf(ConfigurationError);
    });

    test("through each provider of nested chains, and keeps its format", async () => {
      const model = () =>
        new MockProvider({ responses: [{ pieces: ["Once"], error: broken }] });
      let inner: unknown;
      const response = await run(
        middy,
        [model().middleware(), model().middleware()],
        async ({ stream }) => {
          inner = toResponseBody(stream("Tell a tale"), { format: "sse" });
          return { body: inner } as unknown as { body: Readable };
        },
      );
      expect(response).toHaveProperty(
        ["headers", "content-type"],
        "text/event-stream",
      );
      expect(await text(response.body)).toBe(
        `data: {"text":"Once"}\n\nevent: error\ndata: ${ERROR}\n\n`,
      );
    });
  });

  describe("sends growing objects", () => {
    const list = (format: "sse" | "ndjson", answer: MockResponse) =>
      respond(
        ({ streamStructured }) => ({
          body: toResponseBody(
            streamStructured("List facts", { facts: ["string"] }),
            { format },
          ),
        }),
        answer,
      );

    test.each(["sse", "ndjson"] as const)(
      "as %s, the validated one last",
      async (format) => {
        const { body } = await list(format, {
          pieces: ['{"facts":["a', 'nts",', '"bees"]}'],
          pieceDelayMs: 1,
        });
        const records = body
          .split("\n")
          .filter((line) => line !== "" && !line.startsWith("event: "))
          .map((line) => JSON.parse(line.replace("data: ", "")));
        expect(records.slice(0, -1).length).toBeGreaterThan(1);
        expect(records[0]).toEqual({ object: { facts: ["a"] } });
        expect(records.slice(-2)).toEqual([
          { object: { facts: ["ants", "bees"] } },
          format === "sse"
            ? { stopReason: "end_turn" }
            : { done: { stopReason: "end_turn" } },
        ]);
      },
    );

    test("up to one that does not validate", async () => {
      const { body } = await list("ndjson", { pieces: ['{"facts":1}'] });
      expect(body).toMatch(
        /\n\{"error":\{"code":"STRUCTURED_OUTPUT",.*\}\}\n$/,
      );
    });

    test("that are texts as objects, too", async () => {
      const { body } = await respond(
        ({ streamStructured }) => ({
          body: toResponseBody(
            streamStructured("A word", { type: "string" } as const),
            { format: "ndjson" },
          ),
        }),
        { value: "ants" },
      );
      expect(body).toMatch(/^\{"object":"ants"\}\n\{"done"/m);
    });

    test("but not as text", async () => {
      const failed = await rejection(
        respond(({ streamStructured }) => ({
          body: toResponseBody(streamStructured("A", { a: "string" }), {
            format: "text",
          }),
        })),
      );
      expect(failed).toBeInstanceOf(ConfigurationError);
      expect(failed).toHaveProperty(
        "message",
        expect.stringContaining('Use "sse" or "ndjson"'),
      );
    });
  });

  describe("sends what else brings texts or objects", () => {
    test.each([
      ["a generator", () => generated("a", "b")],
      ["a Node stream", () => Readable.from(["a", "b"])],
      ["a web stream", () => webStream("a", "b")],
      [
        "an iterable whose steps are no promises",
        () => {
          const rest = ["a", "b"];
          return {
            [Symbol.asyncIterator]: () => ({
              next: () => ({ done: rest.length === 0, value: rest.shift() }),
            }),
          } as unknown as AsyncIterable<string>;
        },
      ],
    ])("%s", async (_what, source) => {
      expect(await sent(source(), { format: "text" })).toBe("ab");
      expect(await sent(source(), { format: "ndjson" })).toBe(
        '{"text":"a"}\n{"text":"b"}\n{"done":{}}\n',
      );
    });

    test("objects and lists", async () => {
      expect(
        await sent(generated<object>({ a: 1 }, ["b"]), { format: "sse" }),
      ).toBe(
        'data: {"object":{"a":1}}\n\ndata: {"object":["b"]}\n\nevent: done\ndata: {}\n\n',
      );
    });

    test.each([
      ["a number", 1],
      ["nothing", undefined],
      ["null", null],
      ["bytes", new Uint8Array(1)],
      ["what is no JSON", { big: 1n }],
    ])("but not %s", async (_what, chunk) => {
      const body = await sent(
        generated<unknown>("a", chunk, "never") as AsyncIterable<string>,
        {
          format: "ndjson",
        },
      );
      expect(body).toBe(`{"text":"a"}\n{"error":${INTERNAL}}\n`);
      expect(console.error).toHaveBeenCalledWith(
        "A streamed response failed:",
        expect.any(TypeError),
      );
    });

    test("with the stop reason of a response that they carry", async () => {
      const stream = (response: unknown) =>
        Object.assign(generated("a"), { response });
      const end = (response: unknown) =>
        sent(stream(response), { format: "ndjson" });
      expect(await end(Promise.resolve({ stopReason: "x" }))).toContain(
        '{"done":{"stopReason":"x"}}',
      );
      for (const response of [undefined, null, "x", Promise.resolve({})])
        expect(await end(response)).toContain('{"done":{}}');
      expect(await end(Promise.reject(broken))).toBe(
        `{"text":"a"}\n{"error":${ERROR}}\n`,
      );
    });
  });

  describe("adds to the last record what `done` returns", () => {
    test("once the stream is complete", async () => {
      const { body } = await respond((context) => ({
        body: toResponseBody(context.stream("Tell a tale"), {
          format: "ndjson",
          done: () => ({ tokens: context.usage.outputTokens, stopReason: "?" }),
        }),
      }));
      expect(JSON.parse(body.split("\n").at(-2) ?? "")).toEqual({
        done: { tokens: 3, stopReason: "end_turn" },
      });
    });

    test("and its stop reason, where the stream has none", async () => {
      const done = () => ({ stopReason: "enough" });
      expect(await sent(generated("a"), { format: "ndjson", done })).toBe(
        '{"text":"a"}\n{"done":{"stopReason":"enough"}}\n',
      );
    });

    test("and fails with what it throws", async () => {
      const done = () => {
        throw broken;
      };
      expect(await sent(generated("a"), { format: "ndjson", done })).toBe(
        `{"text":"a"}\n{"error":${ERROR}}\n`,
      );
    });
  });

  test("keeps quiet when its Node stream fails and nobody reads it", async () => {
    const source = new Readable({ read() {} });
    await run(middy, [new MockProvider().middleware()], async () => {
      toResponseBody(source, { format: "text" });
      return "something else";
    });
    source.destroy(new Error("ENOENT"));
    await settled();
    expect(source.errored).toHaveProperty("message", "ENOENT");
  });

  test("reads its source only as fast as it is read", async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read += 1;
        yield "x".repeat(16_384);
      }
    }
    const { body } = await run(
      middy,
      [new MockProvider().middleware()],
      async () => ({
        body: toResponseBody(endless(), { format: "sse" }) as Readable,
      }),
    );
    body.read(1);
    for (let turn = 0; turn < 10; turn++) await settled();
    expect(read).toBeLessThan(20);
    body.destroy();
  });

  test("does not change the call, whose context ends with the body", async () => {
    let flushed = 0;
    const { body } = await respond((context) => {
      invocationOf(context).addFinalizer(() => {
        flushed += 1;
      });
      return {
        body: toResponseBody(context.stream("Tell"), { format: "text" }),
      };
    });
    expect(body).toBe("Once upon\n");
    expect(flushed).toBe(1);
  });
});
