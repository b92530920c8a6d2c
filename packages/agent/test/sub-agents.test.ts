import { describe, expect, test } from "@jest/globals";
import { ModelInvocationError } from "@lambdallm/core";
import { Agent, tool } from "../src/index.ts";
import { calling, resultsIn, withModel } from "./support.ts";

const look = tool({
  name: "look",
  description: "Looks at a page.",
  input: { page: "integer" },
  run: ({ page }) => `This is page ${page}.`,
});

const reader = new Agent({ name: "reader", tools: [look] });
const boss = (options = {}) =>
  new Agent({
    name: "boss",
    tools: [reader.asTool({ description: "Reads a page." })],
    ...options,
  });

describe("An agent as a tool", () => {
  test("is asked a question, and its answer is the result", async () => {
    const { result, model } = await withModel(
      [
        calling(["reader", { query: "What is on page 1?" }]),
        calling(["look", { page: 1 }]),
        "It says hello.",
        "Page 1 says hello.",
      ],
      async (context) => {
        const { totalCostUsd, ...rest } = await boss().run("Read.", context);
        return { ...rest, totalCostUsd, spent: context.totalCostUsd };
      },
    );
    expect(result).toMatchObject({
      answer: "Page 1 says hello.",
      status: "completed",
      iterations: 2,
      toolCalls: 2,
    });
    expect(result.totalCostUsd).toBe(result.spent);
    expect(model.calls[1]?.prompt).toBe("What is on page 1?");
    expect(resultsIn(model, 4)).toMatchObject([
      { status: "success", content: [{ text: "It says hello." }] },
    ]);
  });

  test("has only what is left of the tool calls", async () => {
    const { result } = await withModel(
      [
        calling(["reader", { query: "Read." }]),
        calling(["look", { page: 1 }], ["look", { page: 2 }]),
        "Page 1 only.",
        "That is all.",
      ],
      (context) => boss({ maxToolCalls: 2 }).run("Read.", context),
    );
    expect(result).toMatchObject({
      answer: "That is all.",
      status: "stopped",
      toolCalls: 2,
    });
    expect(result.steps[0]?.toolCalls[0]?.content).toEqual([
      { text: "Page 1 only." },
      {
        text: "(The agent did not come to its end. 1 tool calls were made (maxToolCalls).)",
      },
    ]);
  });

  test("has only what is left of the money, shared with those that run beside it", async () => {
    const maxCostUsd = 0.02;
    let page = 0;
    const { result } = await withModel(
      [
        calling(["reader", { query: "a" }], ["reader", { query: "b" }]),
        ({ maxTokens = 1_000 }) => ({
          ...calling(["look", { page: ++page }]),
          text: "I go on.",
          usage: { outputTokens: Math.min(maxTokens, 1_000) },
        }),
      ],
      (context) => boss({ maxCostUsd }).run("Read.", context),
    );
    expect(result.status).toBe("cost_limit");
    expect(result.totalCostUsd).toBeLessThanOrEqual(maxCostUsd);
  });

  test("tells that it has failed, and what it has cost is counted", async () => {
    const failure = new ModelInvocationError("The model is gone.", {
      reason: "unavailable",
      model: "m",
      billed: "none",
    });
    const { result, model } = await withModel(
      [
        calling(["reader", { query: "a" }]),
        calling(["look", { page: 1 }]),
        failure,
        "It could not be read.",
      ],
      (context) => boss().run("Read.", context),
    );
    expect(resultsIn(model, 4)).toMatchObject([
      { status: "error", content: [{ text: "The model is gone." }] },
    ]);
    const [{ toolCalls: [call] = [] } = {}] = result.steps;
    expect(call).toMatchObject({ innerToolCalls: 1 });
    expect(call?.costUsd).toBeGreaterThan(0);
  });

  test("does not tell what is wrong with the set-up", async () => {
    const failure = new ModelInvocationError("No access to arn:x.", {
      reason: "access-denied",
      model: "m",
    });
    const { model } = await withModel(
      [calling(["reader", { query: "a" }]), failure, "Hm."],
      (context) => boss().run("Read.", context),
    );
    expect(resultsIn(model, 3)).toMatchObject([
      { status: "error", content: [{ text: "The agent failed." }] },
    ]);
  });

  test("that has nothing to say has failed", async () => {
    const { model } = await withModel(
      [
        calling(["reader", { query: "a" }]),
        { content: [] },
        { content: [] },
        "Hm.",
      ],
      (context) => boss().run("Read.", context),
    );
    expect(resultsIn(model, 4)).toMatchObject([
      {
        status: "error",
        content: [
          {
            text: "(The agent did not come to its end. The model has answered nothing, twice.)",
          },
        ],
      },
    ]);
  });

  test("gives its object, where it has one", async () => {
    const counter = new Agent({
      name: "counter",
      outputSchema: { count: "integer" },
    });
    const outer = new Agent({
      name: "boss",
      tools: [counter.asTool({ description: "Counts." })],
    });
    const { model } = await withModel(
      [
        calling(["counter", { query: "a" }]),
        "Three.",
        { value: { count: 3 } },
        "3",
      ],
      (context) => outer.run("Count.", context),
    );
    expect(resultsIn(model, 4)[0]?.content).toEqual([{ json: { count: 3 } }]);
  });

  test("keeps the time of the one above it", async () => {
    const hanging = { text: "never", delayMs: Number.POSITIVE_INFINITY };
    const { result } = await withModel(
      [calling(["reader", { query: "a" }]), hanging, "I have nothing."],
      (context) => boss({ timeoutBufferMs: 2_500 }).run("Read.", context),
      { timeoutMs: 5_000 },
    );
    expect(result).toMatchObject({
      answer: "I have nothing.",
      status: "timeout",
    });
  });
});
