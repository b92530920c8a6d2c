import { describe, expect, test } from "@jest/globals";
import { Agent, tool } from "../src/index.ts";
import { calling, withModel } from "./support.ts";

const look = tool({
  name: "look",
  description: "Looks at a page.",
  input: { page: "integer" },
  run: ({ page }) => `This is page ${page}.`,
});
const outputSchema = { pages: "integer" } as const;

describe("With outputSchema", () => {
  test("the answer is a validated object as well", async () => {
    const agent = new Agent({ name: "a", tools: [look], outputSchema });
    const { result, model } = await withModel(
      [
        calling(["look", { page: 1 }]),
        "There is 1.",
        { value: { pages: "one" } },
        { value: { pages: 1 } },
      ],
      async (context) => {
        const run = await agent.run("How many?", context);
        return { ...run, spent: context.totalCostUsd };
      },
    );
    const pages: number | undefined = result.object?.pages;
    expect(pages).toBe(1);
    expect(result).toMatchObject({
      answer: "There is 1.",
      status: "completed",
      iterations: 2,
    });
    expect(result.totalCostUsd).toBe(result.spent);
    expect(model.calls[2]?.request).toMatchObject({
      output: { schema: { type: "object" } },
    });
    expect(model.calls[2]?.prompt).toBe(
      "Give your answer in the form that is asked for.",
    );
  });

  test("it is what the last answer at a limit is", async () => {
    const agent = new Agent({
      name: "a",
      tools: [look],
      outputSchema,
      maxIterations: 1,
    });
    const { result, model } = await withModel(
      [calling(["look", { page: 1 }]), { value: { pages: 1 } }],
      (context) => agent.run("How many?", context),
    );
    expect(result).toMatchObject({
      answer: '{"pages":1}',
      object: { pages: 1 },
      status: "max_iterations",
    });
    expect(model.totalCalls).toBe(2);
  });

  test("its cost is unknown where the price is", async () => {
    const model = "acme.unpriced-v1";
    const agent = new Agent({ name: "a", model, outputSchema });
    const { result } = await withModel(
      ["One.", { value: { pages: 1 } }],
      (context) => agent.run("How many?", context),
    );
    expect(result.object).toEqual({ pages: 1 });
    expect(result.totalCostUsd).toBeUndefined();
  });

  test("an object that never validates fails", async () => {
    const agent = new Agent({ name: "a", outputSchema });
    const run = withModel(["One.", "No JSON."], (context) =>
      agent.run("How many?", context),
    );
    await expect(run).rejects.toMatchObject({ code: "STRUCTURED_OUTPUT" });
  });

  test("there is none when the money is not enough for it", async () => {
    const agent = new Agent({ name: "a", outputSchema, maxCostUsd: 0.01 });
    const { result } = await withModel(
      [
        ({ maxTokens = 0 }) => ({
          text: "One.",
          usage: { outputTokens: maxTokens },
        }),
      ],
      (context) => agent.run("How many?", context),
    );
    expect(result).toMatchObject({ answer: "One.", status: "cost_limit" });
    expect(result).not.toHaveProperty("object");
  });

  test("nor when the time is over before", async () => {
    const agent = new Agent({ name: "a", outputSchema, timeoutBufferMs: 0 });
    const { result } = await withModel(
      ["One.", { delayMs: Number.POSITIVE_INFINITY, text: "never" }],
      (context) => agent.run("How many?", context),
      { timeoutMs: 1_000 },
    );
    expect(result).toMatchObject({ answer: "One.", status: "timeout" });
  });

  test("nor when there is none for it to begin with", async () => {
    const agent = new Agent({ name: "a", outputSchema });
    const { result, model } = await withModel(
      [{ text: "One.", delayMs: 1_100 }],
      (context) => agent.run("How many?", context),
      { timeoutMs: 2_000 },
    );
    expect(result).toMatchObject({ status: "timeout" });
    expect(model.totalCalls).toBe(1);
  });
});
