import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import {
  type Awslambda,
  installAwslambda,
  type LambdaHandler,
  type LambdaResponseStream,
  type LocalFunctionUrl,
  type StartFunctionUrlOptions,
  startFunctionUrl,
} from "../src/index.ts";
import { until } from "./helpers.ts";

declare const awslambda: Awslambda;

let front: LocalFunctionUrl;
let logged: string[];

async function start(
  handler: LambdaHandler,
  options: StartFunctionUrlOptions = {},
): Promise<string> {
  logged = [];
  front = await startFunctionUrl(handler, {
    log: (line) => logged.push(line),
    ...options,
  });
  return front.url;
}

beforeAll(() => installAwslambda());
afterEach(() => front.close());

const streaming = (
  handler: (
    event: unknown,
    stream: LambdaResponseStream,
    context: { awsRequestId: string },
  ) => Promise<unknown>,
  options?: { highWaterMark?: number },
) => awslambda.streamifyResponse(handler, options);

/** Chunks one by one, each only after the test has seen the one before. */
function stepwise(words: string[]) {
  const steps = words.map(() => Promise.withResolvers<void>());
  const next = (index: number) => steps[index]?.resolve();
  async function* generate() {
    for (const [index, word] of words.entries()) {
      await steps[index]?.promise;
      yield word;
    }
  }
  return { next, body: () => Readable.from(generate()) };
}

describe("installAwslambda", () => {
  test("leaves alone what is there, and marks handlers as the runtime does", async () => {
    await start(async () => "x");
    const before = { ...awslambda, InvokeStore: {} };
    Object.assign(globalThis, { awslambda: before });
    installAwslambda();
    expect(awslambda).toBe(before);
    expect(Object.keys(awslambda)).toContain("InvokeStore");
    Reflect.deleteProperty(globalThis, "awslambda");
    installAwslambda();
    expect(Object.keys(awslambda)).toEqual([
      "streamifyResponse",
      "HttpResponseStream",
    ]);
    const handler = streaming(async () => {}, { highWaterMark: 10 });
    const marks = handler as unknown as Record<symbol, unknown>;
    expect(marks[Symbol.for("aws.lambda.runtime.handler.streaming")]).toBe(
      "response",
    );
    expect(
      marks[Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark")],
    ).toBe(10);
  });
});

describe("a streaming handler", () => {
  test("without a prelude answers 200 with its content type, chunk by chunk", async () => {
    const { next, body } = stepwise(["one ", "two"]);
    const url = await start(
      streaming(async (_event, stream, context) => {
        expect(context.awsRequestId).toMatch(/-/);
        stream.setContentType("text/event-stream");
        await pipeline(body(), stream);
      }),
    );
    const asked = fetch(url);
    next(0);
    const response = await asked;
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body
      ?.pipeThrough(new TextDecoderStream())
      .getReader();
    expect((await reader?.read())?.value).toBe("one ");
    next(1);
    expect((await reader?.read())?.value).toBe("two");
    expect((await reader?.read())?.done).toBe(true);
  });

  test("is binary by default, and may write nothing at all", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        stream.end();
      }),
    );
    const response = await fetch(url);
    expect([
      response.status,
      response.headers.get("content-type"),
      await response.text(),
    ]).toEqual([200, "application/octet-stream", ""]);
  });

  test.each([
    ["", ""],
    ["tea", "tea"],
  ])(
    "sets status, headers and cookies by a prelude before its first write, of %j",
    async (chunk, text) => {
      const url = await start(
        streaming(async (_event, stream) => {
          const body = awslambda.HttpResponseStream.from(stream, {
            statusCode: 418,
            headers: { "content-type": "text/plain", "x-a": "b" },
            cookies: ["a=1", "b=2"],
          });
          body.write(chunk);
          body.end();
        }),
      );
      const response = await fetch(url);
      expect(response.status).toBe(418);
      expect(response.headers.get("x-a")).toBe("b");
      expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
      expect(await response.text()).toBe(text);
    },
  );

  test("loses its prelude when it ends without a write", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        awslambda.HttpResponseStream.from(stream, {
          statusCode: 404,
          headers: { "x-a": "b" },
        }).end();
      }),
    );
    const response = await fetch(url);
    expect([
      response.status,
      response.headers.get("content-type"),
      response.headers.has("x-a"),
      await response.text(),
    ]).toEqual([200, "application/octet-stream", false, ""]);
  });

  test("that ends with a chunk but without a write is a 502, for its prelude is missing", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        awslambda.HttpResponseStream.from(stream, { statusCode: 404 }).end(
          "Not Found",
        );
      }),
    );
    expect((await fetch(url)).status).toBe(502);
    expect(logged[0]).toContain("prelude");
  });

  test("fixes its prelude when it is given", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        const prelude = { statusCode: 201 };
        const body = awslambda.HttpResponseStream.from(stream, prelude);
        prelude.statusCode = 404;
        body.write("made");
        body.end();
      }),
    );
    expect((await fetch(url)).status).toBe(201);
  });

  test("cannot set its content type after its first write", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        stream.write("first");
        try {
          stream.setContentType("text/plain");
        } catch (error) {
          stream.end(String(error));
        }
      }),
    );
    const response = await fetch(url);
    expect(await response.text()).toBe(
      "firstRuntime.InvalidStreamingOperation: Cannot set content-type, too late.",
    );
  });

  test("writes what is neither text nor bytes as JSON, and calls back after a write", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        await new Promise((resolve) => stream.write({ a: 1 }, resolve));
        await new Promise((resolve) => stream.write("c3", "hex", resolve));
        await new Promise((resolve) =>
          stream.write(Uint8Array.of(0xa4), resolve),
        );
        stream.end();
      }),
    );
    expect(await (await fetch(url)).text()).toBe('{"a":1}\u00e4');
  });

  test("must be async", async () => {
    const url = await start(awslambda.streamifyResponse(() => "at once"));
    expect((await fetch(url)).status).toBe(502);
    expect(logged[0]).toContain(
      "Streaming does not support non-async handlers.",
    );
  });

  test("may write a prelude of its own, in pieces", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        stream.setContentType(
          "application/vnd.awslambda.http-integration-response",
        );
        stream.write('{"statusCode":');
        stream.write("202}");
        stream.write(Buffer.alloc(5));
        stream.write(Buffer.concat([Buffer.alloc(3), Buffer.from("body")]));
        stream.end();
      }),
    );
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([202, "body"]);
  });

  test.each([
    ["that never ends", '{"statusCode":200'],
    ["with an impossible status", '{"statusCode":1}\0\0\0\0\0\0\0\0'],
    ["with a header that cannot be", '{"headers":{"a":"\\n"}}\0\0\0\0\0\0\0\0'],
  ])("with a prelude %s is a 502", async (_what, prelude) => {
    const url = await start(
      streaming(async (_event, stream) => {
        stream.setContentType(
          "application/vnd.awslambda.http-integration-response",
        );
        await pipeline(Readable.from([prelude]), stream);
      }),
    );
    expect((await fetch(url)).status).toBe(502);
    expect(logged).toHaveLength(1);
  });

  test("that throws before its first byte is a 502", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        awslambda.HttpResponseStream.from(stream, { statusCode: 200 });
        throw new Error("too early");
      }),
    );
    expect((await fetch(url)).status).toBe(502);
    expect(logged[0]).toContain("too early");
  });

  test("that throws after its first byte truncates the answer", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        await new Promise((resolve) => stream.write("first", resolve));
        throw new Error("too late");
      }),
    );
    const response = await fetch(url);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    expect(logged[0]).toContain("too late");
  });

  test("whose source fails after the first byte truncates the answer", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        async function* source() {
          yield "first";
          await new Promise((resolve) => setTimeout(resolve, 20));
          throw new Error("model gone");
        }
        await pipeline(Readable.from(source()), stream);
      }),
    );
    const response = await fetch(url);
    await expect(response.text()).rejects.toThrow();
    expect(logged[0]).toContain("model gone");
  });

  test("that does not end its stream runs into the deadline", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        stream.write("first");
      }),
      { timeoutMs: 60 },
    );
    const response = await fetch(url);
    await expect(response.text()).rejects.toThrow();
    expect(logged[0]).toContain("Task timed out");
  });

  test("is not stopped by a caller who hangs up, nor by one who reads slowly", async () => {
    let written = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const url = await start(
      streaming(
        async (_event, stream) => {
          async function* source() {
            for (let index = 0; index < 40; index++) {
              // More than the socket takes: the caller does not read.
              yield Buffer.alloc(1024 * 1024);
              written++;
            }
          }
          await pipeline(Readable.from(source()), stream as Writable);
          resolve();
        },
        { highWaterMark: 1024 },
      ),
    );
    const abort = new AbortController();
    const response = await fetch(url, { signal: abort.signal });
    expect(response.status).toBe(200);
    await new Promise((done) => setTimeout(done, 30));
    expect(written).toBeLessThan(40);
    abort.abort();
    await promise;
    expect(written).toBe(40);
    expect(logged).toEqual([]);
  });

  test("that is slower than its caller's patience and then fails does no harm", async () => {
    const url = await start(
      streaming(async (_event, stream) => {
        stream.write("first");
        await new Promise((resolve) => setTimeout(resolve, 60));
        throw new Error("afterwards");
      }),
    );
    const abort = new AbortController();
    await fetch(url, { signal: abort.signal });
    abort.abort();
    await until(() => logged.length === 1);
    expect(logged[0]).toContain("afterwards");
  });
});

describe.each(["6", "7"])("Middy %s in its streaming mode", (major) => {
  type Handle = (handler: () => Promise<unknown>) => Promise<LambdaHandler>;
  const middy: Handle = async (handler) => {
    // Both read the global `awslambda` when they are loaded.
    if (major === "6") {
      const { default: create } = await import("middy6");
      return create({ streamifyResponse: true }).handler(
        // Its type wants another result than a stream.
        handler as never,
      ) as LambdaHandler;
    }
    const { default: create } = await import("middy7");
    const { executionModeStreamifyResponse } = await import(
      "middy7/StreamifyResponse"
    );
    return create({ executionMode: executionModeStreamifyResponse }).handler(
      handler,
    ) as unknown as LambdaHandler;
  };

  test("streams a body with status, headers and cookies as it comes", async () => {
    const { next, body } = stepwise(["a ", "b"]);
    const url = await start(
      await middy(async () => ({
        statusCode: 201,
        headers: { "content-type": "text/plain" },
        cookies: ["a=1"],
        body: body(),
      })),
    );
    next(0);
    const response = await fetch(url);
    expect(response.status).toBe(201);
    expect(response.headers.getSetCookie()).toEqual(["a=1"]);
    const reader = response.body
      ?.pipeThrough(new TextDecoderStream())
      .getReader();
    expect((await reader?.read())?.value).toBe("a ");
    next(1);
    expect((await reader?.read())?.value).toBe("b");
    expect((await reader?.read())?.done).toBe(true);
  });

  test("sends a string, and a 502 for a handler that throws", async () => {
    const url = await start(
      await middy(async () => ({ statusCode: 200, body: "text" })),
    );
    expect(await (await fetch(url)).text()).toBe("text");
    await front.close();
    const failing = await start(
      await middy(async () => {
        throw new Error("no body");
      }),
    );
    expect((await fetch(failing)).status).toBe(502);
  });
});
