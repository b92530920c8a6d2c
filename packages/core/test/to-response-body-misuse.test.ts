import { describe, expect, test } from "@jest/globals";
import {
  ConfigurationError,
  type ResponseBodyOptions,
  toResponseBody,
} from "@lambdallm/core";

async function* generated<T>(...chunks: readonly T[]) {
  yield* chunks;
}

describe("toResponseBody", () => {
  test.each([
    ["no options", undefined, "options must be an object"],
    ["no format", {}, '"format" must be one of text, sse, ndjson'],
    ["another format", { format: "json" }, '"format" must be one of text, sse'],
    ["a format that every object has", { format: "toString" }, '"format" must'],
    ["another option", { format: "sse", cost: true }, 'no option "cost"'],
    ["a `done` that is no function", { format: "sse", done: {} }, '"done"'],
    ["`done` with text", { format: "text", done: () => ({}) }, '"text" holds'],
  ])("refuses %s", (_what, options, message) => {
    const make = () =>
      toResponseBody(generated("a"), options as unknown as ResponseBodyOptions);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(message);
  });

  test.each([
    ["a text", "Once"],
    ["a promise", Promise.resolve("Once")],
    ["a list", ["Once"]],
    ["null", null],
    ["nothing", undefined],
  ])("refuses %s as a stream", (_what, stream) => {
    const make = () =>
      toResponseBody(stream as unknown as AsyncIterable<string>, {
        format: "sse",
      });
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow("must be a stream");
  });

  test("can be read without a provider, up to its end and not beyond", async () => {
    const body = toResponseBody(generated("a"), { format: "ndjson" });
    const iterator = body[Symbol.asyncIterator]();
    const seen: unknown[] = [];
    for (let step = 0; step < 4; step++) seen.push(await iterator.next());
    const end = { done: true, value: undefined };
    expect(seen).toEqual([
      { done: false, value: '{"text":"a"}\n' },
      { done: false, value: '{"done":{}}\n' },
      end,
      end,
    ]);
  });

  test("can be left, and leaves its source", async () => {
    let left = false;
    async function* source() {
      try {
        yield "a";
        yield "b";
      } finally {
        left = true;
      }
    }
    const iterator = toResponseBody(source(), { format: "sse" })[
      Symbol.asyncIterator
    ]();
    await iterator.next();
    await iterator.return?.();
    expect(left).toBe(true);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});
