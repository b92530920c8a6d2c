import { once } from "node:events";
import http from "node:http";
import { type Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "@jest/globals";
import {
  type BodyFormat,
  type LLMContext,
  toResponseBody,
} from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";
import { aborted, printed } from "../../../test-support/quiet.ts";
import { type Fault, startFunctionUrl } from "../src/index.ts";
import { until } from "./helpers.ts";
import {
  ENDLESS,
  FIRST_DELTA,
  failed,
  parse,
  StreamingLab,
  TYPES,
  tell,
} from "./streaming-support.ts";

const HOUR_MS = 3_600_000;
const lab = StreamingLab.open();

describe.each(["6", "7"])("Middy %s", (major) => {
  test("ends at the deadline in the way that was chosen, and what hangs soon after", async () => {
    lab.reply = { content: [], rawEvents: ENDLESS };
    lab.local.setFaults([{ tokenDelayMs: 10, repeat: 2 }]);
    const format = "sse";
    async function* hanging() {
      yield "tick ";
      await new Promise(() => {});
    }
    const answer = async (
      strategy: "fail-fast" | "truncate",
      stream: (context: LLMContext) => AsyncIterable<string>,
    ) => {
      const handler = await lab.streaming(major, async (context) => {
        const invocation = invocationOf(context);
        invocation.timeoutStrategy = strategy;
        invocation.tightenDeadline(Date.now() + 6_000);
        const body = toResponseBody(stream(context), { format });
        return { statusCode: 200, body };
      });
      const log = (line: string) => lab.logged.push(line);
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
    expect([lab.logged, lab.flushed]).toEqual([[], 3]);
    for (const { closed } of lab.local.requests)
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
    lab.reply = {
      content: [{ text: '{"facts":["ants","bees"]}' }],
      chunks: ['{"facts":["an', 'ts","be', 'es"]}'],
    };
    for (const format of ["sse", "ndjson"] as const) {
      lab.local.setFaults([{ tokenDelayMs: 20, ...fault }]);
      const url = await lab.serve(major, async (context) => ({
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
      await lab.front?.close();
    }
    expect(lab.flushed).toBe(2);
  });

  test("streams the body of a nested provider", async () => {
    lab.local.setFaults([{ cut: "body", afterEvents: FIRST_DELTA }]);
    const url = await lab.serve(major, async (outer) => {
      const inner = middy()
        .use(lab.provider())
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
    expect(lab.flushed).toBe(1);
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
    const url = await lab.serve(major, async () => ({
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
    expect(lab.flushed).toBe(1);
    expect(lab.logged).toEqual([]);
    other.close();
  });

  test("lets the model finish while its client reads nothing", async () => {
    const chunk = "x".repeat(100_000);
    // More than all the buffers between here and there.
    lab.reply = {
      content: [{ text: chunk.repeat(200) }],
      chunks: Array.from({ length: 200 }, () => chunk),
    };
    let ended = false;
    const url = await lab.serve(major, async (context) => {
      invocationOf(context).events.on("call-end", () => {
        ended = true;
      });
      return tell("text")(context);
    });
    const request = http.get(url);
    const [response] = (await once(request, "response")) as [Readable];
    await until(() => ended);
    const { closed } = lab.local.requests[0] ?? {};
    await expect(closed).resolves.toMatchObject({ byClient: false });
    expect(lab.flushed).toBe(0);
    let length = 0;
    for await (const piece of response) length += piece.length;
    expect(length).toBe(chunk.length * 200);
    expect(lab.flushed).toBe(1);
  });

  test("lets the model finish for a client that went away, of which Lambda does not tell", async () => {
    lab.local.setFaults([{ tokenDelayMs: 20 }]);
    const controller = new AbortController();
    const response = await fetch(
      await lab.serve(major, tell("sse")),
      controller,
    );
    await response.body?.getReader().read();
    controller.abort();
    await until(() => lab.flushed > 0);
    await expect(lab.local.requests[0]?.closed).resolves.toMatchObject({
      byClient: false,
    });
    expect([lab.errors, lab.flushed, lab.logged]).toEqual([[], 1, []]);
  });
});

describe("A body that is destroyed closes the model's request", () => {
  const streamed = async (format: BodyFormat): Promise<Readable> => {
    lab.local.setFaults([{ tokenDelayMs: HOUR_MS }]);
    // The delay comes before each event but the first.
    lab.reply = { content: [], rawEvents: ENDLESS.slice(1) };
    const handler = middy()
      .use(lab.provider())
      .use(lab.watch)
      .handler(async (_event, context) => tell(format)(context));
    const { body } = (await handler(
      {},
      new MockLambdaContext({ timeoutMs: 600_000 }),
    )) as { body: Readable };
    await until(() => lab.local.requests.length > 0);
    return body;
  };

  const ended = async () => {
    await expect(lab.local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
    expect(lab.local.requests[0]?.closedByClient).toBe(true);
    expect([lab.errors, lab.flushed]).toEqual([[], 1]);
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
    lab.local.setFaults([{ tokenDelayMs: HOUR_MS }]);
    lab.reply = { content: [], rawEvents: ENDLESS.slice(1) };
    const handler = middy()
      .use(lab.provider())
      .use(lab.watch)
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
    // The generator is held by the stream that it reads, which ends with the invocation only.
    expect(printed()).toEqual([aborted(1)]);
  });
});
