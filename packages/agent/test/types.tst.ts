import type { LLMContext } from "@lambdallm/core";
import { expect, test } from "tstyche";
import * as z from "zod";
import { Agent, type ToolRun, tool } from "../src/index.ts";

declare const context: LLMContext;

const named = { name: "t", description: "A tool." } as const;

test("A tool's input has the type of its schema", () => {
  tool({
    ...named,
    input: { city: "string", days: "integer?" },
    run: (input) => {
      expect(input).type.toBe<{ city: string; days?: number }>();
    },
  });
  tool({
    ...named,
    input: {
      type: "object",
      properties: { city: { enum: ["Oslo", "Rome"] } },
      required: ["city"],
      additionalProperties: false,
    },
    run: ({ city }) => {
      expect(city).type.toBe<"Oslo" | "Rome">();
    },
  });
  tool({
    ...named,
    input: z.object({ day: z.string().transform((day) => new Date(day)) }),
    needsApproval: ({ day }) => {
      expect(day).type.toBe<Date>();
      return false;
    },
    run: ({ day }) => {
      expect(day).type.toBe<Date>();
    },
  });
});

test("A tool without input has none", () => {
  tool({
    ...named,
    run: (input) => {
      expect(input).type.not.toBeAssignableTo<{ city: string }>();
    },
  });
});

test("A tool is told of its run, and of a context of one's own", () => {
  tool({
    ...named,
    run: (_input, run) => {
      expect(run).type.toBe<ToolRun>();
      expect(run.context.llm).type.toBe<LLMContext>();
    },
  });
  tool({
    ...named,
    run: (_input, { context }: ToolRun<{ readonly user: string }>) => {
      expect(context.user).type.toBe<string>();
    },
  });
});

test("The object of a result has the type of outputSchema", async () => {
  const agent = new Agent({ name: "a", outputSchema: { count: "integer" } });
  const { object } = await agent.run("How many?", context);
  expect(object).type.toBe<{ count: number } | undefined>();
  const { result } = agent.stream("How many?", context);
  expect((await result).object).type.toBe<{ count: number } | undefined>();
});

test("Without one there is none", async () => {
  const agent = new Agent({
    name: "a",
    tools: [tool({ ...named, run: () => 1 })],
  });
  const { object } = await agent.run("How many?", context);
  expect(object).type.toBe<undefined>();
});

test("What an agent does not take does not compile", () => {
  expect(Agent).type.not.toBeConstructableWith({ name: "a", system: "You" });
  expect(Agent).type.not.toBeConstructableWith({
    name: "a",
    tools: [{ name: "t" }],
  });
});
