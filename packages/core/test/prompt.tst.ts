import type {
  CallOptions,
  LLMContext,
  PromptValue,
  Variables,
} from "@lambdallm/core";
import { describe, expect, test } from "tstyche";
import { z } from "zod";
import { Prompt } from "../src/prompt/prompt.ts";
import type { PromptContext } from "../src/prompt/types.ts";

declare const context: PromptContext;

describe("the variables of a prompt", () => {
  test("follow from the template", () => {
    const prompt = new Prompt({ template: "Hi {name}" });
    expect(prompt).type.toBe<Prompt<{ readonly name: PromptValue }, string>>();
    expect(prompt.invoke).type.toBeCallableWith(context, { name: "Ada" });
    expect(prompt.invoke).type.not.toBeCallableWith(context);
    expect(prompt.invoke).type.not.toBeCallableWith(context, {});
    expect(prompt.invoke).type.not.toBeCallableWith(context, { nmae: "Ada" });
    expect(prompt.format).type.toBeCallableWith({ name: 5 });
    expect(prompt.format).type.not.toBeCallableWith({});
    // @ts-expect-error is not assignable to parameter
    new Prompt({ template: "Hi {name}" }).invoke(context, {});
  });

  test("cannot be replaced by options when there are none", () => {
    const prompt = new Prompt({ template: "Hello" });
    expect(prompt.invoke).type.toBeCallableWith(context);
    expect(prompt.invoke).type.toBeCallableWith(context, {}, { maxTokens: 5 });
    expect(prompt.invoke).type.not.toBeCallableWith(context, { maxTokens: 5 });
  });

  test("are unchecked when the template is no literal", () => {
    const prompt = new Prompt({ template: "Hi {name}" as string });
    expect(prompt).type.toBe<Prompt<Variables<string>, string>>();
    expect(prompt.invoke).type.toBeCallableWith(context);
    expect(prompt.invoke).type.toBeCallableWith(context, { a: undefined });
  });

  test("follow from a shorthand, with Python's names as well", () => {
    const prompt = new Prompt({
      template: "{text} {words} {tags} {meta}",
      inputSchema: {
        text: "str",
        words: "int?",
        tags: ["string"],
        meta: "dict",
      },
    });
    const meta = {};
    const tags = ["a"] as const;
    expect(prompt.format).type.toBeCallableWith({ text: "a", tags, meta });
    expect(prompt.format).type.toBeCallableWith({
      text: "a",
      words: undefined,
      tags,
      meta,
    });
    expect(prompt.format).type.not.toBeCallableWith({ text: 5, tags, meta });
    expect(prompt.format).type.not.toBeCallableWith({ tags, meta });
    expect(prompt.format).type.not.toBeCallableWith({
      text: "a",
      tags: [5],
      meta,
    });
  });

  test("follow from a JSON Schema", () => {
    const prompt = new Prompt({
      template: "{tone} {words}",
      inputSchema: {
        type: "object",
        properties: {
          tone: { enum: ["warm", "dry"] },
          words: { type: "integer", default: 50 },
        },
        required: ["tone"],
        additionalProperties: false,
      },
    });
    expect(prompt).type.toBe<
      Prompt<
        {
          readonly tone: "warm" | "dry";
          readonly words?: number | undefined;
        },
        string
      >
    >();
    expect(prompt.invoke).type.toBeCallableWith(context, { tone: "dry" });
    expect(prompt.invoke).type.not.toBeCallableWith(context, { tone: "loud" });
    expect(prompt.invoke).type.not.toBeCallableWith(context, { words: 5 });
  });
});

describe("the result of invoke", () => {
  test("is text without an output schema", () => {
    expect(new Prompt({ template: "Hi" }).invoke(context)).type.toBe<
      Promise<string>
    >();
  });

  test("follows from each kind of output schema", () => {
    expect(
      new Prompt({
        template: "Hi",
        outputSchema: { label: "str", scores: ["float"], note: "str?" },
      }).invoke(context),
    ).type.toBe<Promise<{ label: string; scores: number[]; note?: string }>>();
    expect(
      new Prompt({
        template: "Hi",
        outputSchema: {
          type: "object",
          properties: { label: { enum: ["a", "b"] } },
          required: ["label"],
          additionalProperties: false,
        },
      }).invoke(context),
    ).type.toBe<Promise<{ label: "a" | "b" }>>();
    expect(
      new Prompt({
        template: "Hi",
        outputSchema: z.object({ label: z.string() }),
      }).invoke(context),
    ).type.toBe<Promise<{ label: string }>>();
  });

  test("is what the caller says of a prompt that is read", () => {
    expect(Prompt.fromJSON({})).type.toBe<Prompt<Variables<string>, unknown>>();
    expect(
      Prompt.fromYAML<{ text: string }, { label: string }>("a.yaml"),
    ).type.toBe<Promise<Prompt<{ text: string }, { label: string }>>>();
  });
});

describe("a prompt", () => {
  test("of any variables and result is a Prompt<never>", () => {
    const prompt = new Prompt({
      template: "Hi {name}",
      outputSchema: { label: "str" },
    });
    expect<Prompt<never>>().type.toBeAssignableFrom(prompt);
    expect<Prompt<{ name: string }>>().type.toBeAssignableFrom(prompt);
    expect<Prompt<{ name: string }, string>>().type.not.toBeAssignableFrom(
      prompt,
    );
  });

  test("is immutable", () => {
    const prompt = new Prompt({ template: "Hi" });
    // @ts-expect-error read-only property
    prompt.template = "Bye";
    expect(prompt.callOptions).type.toBe<CallOptions>();
  });

  test("refuses options that do not exist", () => {
    expect(Prompt).type.not.toBeConstructableWith({ template: 5 });
    // @ts-expect-error 'max_tokens' does not exist
    new Prompt({ template: "Hi", max_tokens: 5 });
    // @ts-expect-error Type '"strnig"' is not assignable to type
    new Prompt({ template: "{a}", inputSchema: { a: "strnig" } });
  });

  test("takes the handler's context", () => {
    expect<PromptContext>().type.toBeAssignableFrom<LLMContext>();
    const llm = {} as LLMContext;
    const prompt = new Prompt({ template: "Hi {name}" });
    expect(llm.invoke).type.toBeCallableWith(prompt, { name: "Ada" });
    expect(llm.invoke).type.not.toBeCallableWith(prompt, {});
    expect(llm.invoke).type.not.toBeCallableWith(prompt);
  });
});
