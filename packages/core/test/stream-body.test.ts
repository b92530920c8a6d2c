import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { ReadableStream } from "node:stream/web";
import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { type HandlerContext, rejection, run, settled } from "./support.ts";

interface HttpResponse {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const bytes = (value: string) => new TextEncoder().encode(value);

async function* generated<T>(...chunks: readonly T[]) {
  yield* chunks;
}

const web = (...chunks: readonly unknown[]) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

describe.each(middyMajors)("a streamed body on %s", (_name, middy) => {
  const model = () => new MockProvider({ responses: ["Once upon a time"] });

  const respond = (
    handler: (context: HandlerContext) => Promise<unknown>,
    more: readonly MiddyMiddleware<HandlerContext>[] = [],
  ) => run(middy, [model().middleware(), ...more], handler);

  /** The response to a handler that streams this body. */
  const streamed = async (
    body: unknown,
    finalizer = () => {},
  ): Promise<Readable> => {
    const response = await respond(async (context) => {
      invocationOf(context).addFinalizer(finalizer);
      return { statusCode: 200, body };
    });
    return (response as { body: Readable }).body;
  };

  test.each([
    ["an async generator", () => generated("Once", " upon", " a time")],
    [
      "an async generator of bytes",
      () => generated(bytes("Once upon"), bytes(" a time")),
    ],
    ["a Node stream", () => Readable.from(["Once", " upon", " a time"])],
    [
      "a Node stream of bytes",
      () =>
        Readable.from([Buffer.from("Once upon a time")], { objectMode: false }),
    ],
    ["a web stream", () => web("Once", " upon", " a time")],
    ["a web stream of bytes", () => web(bytes("Once upon"), bytes(" a time"))],
    [
      "empty chunks in between",
      () => generated<unknown>("", "Once", "", bytes(""), " upon a time", ""),
    ],
    [
      "nothing in between",
      () => generated("Once upon", undefined, null, " a time"),
    ],
  ])("may be %s", async (_what, source) => {
    expect(await text(await streamed(source()))).toBe("Once upon a time");
  });

  test("may be the model's own stream", async () => {
    const response = await respond(async ({ stream }) => ({
      statusCode: 200,
      body: stream("Tell a tale"),
    }));
    expect(await text((response as { body: Readable }).body)).toBe(
      "Once upon a time",
    );
  });

  test("may call the model while it is read", async () => {
    const response = await respond(async (context) => {
      async function* body() {
        yield "<";
        yield await context.invoke("Tell a tale");
        yield ">";
      }
      return { statusCode: 200, body: body() };
    });
    expect(await text((response as { body: Readable }).body)).toBe(
      "<Once upon a time>",
    );
  });

  test("may be the whole response", async () => {
    const response = await respond(async ({ stream }) => stream("Tell a tale"));
    expect(await text(response as Readable)).toBe("Once upon a time");
  });

  test("may be an early answer", async () => {
    let flushed = 0;
    const response = await respond(
      async () => "never",
      [
        {
          before: (async ({ context }) => {
            invocationOf(context).addFinalizer(() => {
              flushed += 1;
            });
            return { statusCode: 200, body: context.stream("Tell a tale") };
          }) as (request: { context: HandlerContext }) => Promise<never>,
        },
      ],
    );
    expect(flushed).toBe(0);
    expect(await text((response as { body: Readable }).body)).toBe(
      "Once upon a time",
    );
    expect(flushed).toBe(1);
  });

  test("is read as Buffers, whatever it is made of", async () => {
    const source = generated<unknown>("ä", bytes("xyz").subarray(1));
    const chunks = await (await streamed(source)).toArray();
    expect(chunks).toEqual([Buffer.from("ä"), Buffer.from("yz")]);
  });

  test("may be empty, and has one chunk then, which carries status and headers", async () => {
    expect(await text(await streamed(generated()))).toBe("");
    const chunks = await (await streamed(generated())).toArray();
    expect(chunks).toEqual([Buffer.alloc(0)]);
  });

  test("keeps every byte of a large answer", async () => {
    const chunks = Array.from({ length: 500 }, (_, index) =>
      Buffer.alloc(1_000, index),
    );
    const received = await buffer(await streamed(generated(...chunks)));
    expect(received.equals(Buffer.concat(chunks))).toBe(true);
  });

  test("leaves the rest of the response as it is", async () => {
    const given: HttpResponse = {
      statusCode: 201,
      headers: { "x-a": "b" },
      body: generated("a"),
    };
    const response = await respond(async () => given);
    expect(response).toEqual({ ...given, body: expect.any(Readable) });
    const { body } = response as HttpResponse & { readonly body: Readable };
    expect(given.body).not.toBe(body);
    // Nobody reads it: its timer would go on until the deadline.
    body.destroy();
  });

  test.each([
    undefined,
    null,
    "text",
    5,
    { statusCode: 200, body: "text" },
    { statusCode: 204 },
    { statusCode: 200, body: null },
    ["a"],
  ])("is not made of another response: %j", async (response) => {
    let flushed = false;
    const answer = await respond(async (context) => {
      invocationOf(context).addFinalizer(() => {
        flushed = true;
      });
      return response;
    });
    expect(answer).toBe(response);
    expect(flushed).toBe(true);
  });

  test("runs the finalizers after its last byte, before its end, and once", async () => {
    const trace: string[] = [];
    const body = await streamed(generated("a", "b"), async () => {
      trace.push("flush begins");
      await settled();
      trace.push("flush ends");
    });
    expect(trace).toEqual([]);
    body.on("data", (chunk) => trace.push(String(chunk)));
    body.on("end", () => trace.push("end"));
    body.on("close", () => trace.push("close"));
    await new Promise((resolve) => body.once("close", resolve));
    await settled();
    expect(trace).toEqual([
      "a",
      "b",
      "flush begins",
      "flush ends",
      "end",
      "close",
    ]);
  });

  test("reads its source only as fast as it is read", async () => {
    let read = 0;
    async function* endless() {
      for (;;) {
        read += 1;
        yield Buffer.alloc(16_384);
      }
    }
    const body = await streamed(endless());
    body.read(1);
    for (let turn = 0; turn < 10; turn++) await settled();
    expect(read).toBeLessThan(20);
    body.destroy();
  });

  test("fails as a response while a status code is still possible, when it was read before", async () => {
    const error = await rejection(
      respond(async ({ stream }) => {
        const answer = stream("Tell a tale");
        for await (const _text of answer);
        return { statusCode: 200, body: answer };
      }),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
  });

  test("is guarded by each provider of nested chains, and read once", async () => {
    const trace: string[] = [];
    const context = new MockLambdaContext();
    const finalizer = (given: HandlerContext, name: string) => {
      invocationOf(given).addFinalizer(() => trace.push(name));
    };
    const response = await run(
      middy,
      [model().middleware()],
      async (outer) => {
        finalizer(outer, "outer");
        return run(
          middy,
          [model().middleware()],
          async (inner) => {
            finalizer(inner, "inner");
            return { statusCode: 200, body: inner.stream("Tell a tale") };
          },
          outer,
        );
      },
      context,
    );
    expect(await text((response as unknown as { body: Readable }).body)).toBe(
      "Once upon a time",
    );
    expect(trace).toEqual(["inner", "outer"]);
  });
});
