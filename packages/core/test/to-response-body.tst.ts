import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { type LLMContext, toResponseBody } from "@lambdallm/core";
import { describe, expect, test } from "tstyche";

declare const context: LLMContext;
declare const objects: AsyncIterable<{ a: number }>;
declare const numbers: AsyncIterable<number>;

describe("toResponseBody", () => {
  test("takes the streams of the context", () => {
    const text = context.stream("Tell a tale");
    expect(toResponseBody(text, { format: "sse" })).type.toBe<
      AsyncIterable<string>
    >();
    const facts = context.streamStructured("List", { facts: ["string"] });
    expect(toResponseBody).type.toBeCallableWith(facts, { format: "ndjson" });
    const word = context.streamStructured("A word", {
      type: "string",
    } as const);
    expect(toResponseBody).type.toBeCallableWith(word, { format: "ndjson" });
  });

  test("takes what else brings texts or objects", () => {
    expect(toResponseBody).type.toBeCallableWith(Readable.from(["a"]), {
      format: "text",
    });
    expect(toResponseBody).type.toBeCallableWith(new ReadableStream<string>(), {
      format: "text",
    });
    expect(toResponseBody).type.toBeCallableWith(objects, {
      format: "sse",
      done: () => ({ tokens: 5 }),
    });
  });

  test("takes nothing else, and always a format", () => {
    const options = { format: "sse" } as const;
    expect(toResponseBody).type.not.toBeCallableWith(numbers, options);
    expect(toResponseBody).type.not.toBeCallableWith("text", options);
    expect(toResponseBody).type.not.toBeCallableWith(
      context.invoke("Tell a tale"),
      options,
    );
    expect(toResponseBody).type.not.toBeCallableWith(objects);
    expect(toResponseBody).type.not.toBeCallableWith(objects, {});
    expect(toResponseBody).type.not.toBeCallableWith(objects, {
      format: "json",
    });
  });
});
