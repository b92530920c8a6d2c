import { describe, expect, test } from "@jest/globals";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { Agent, tool } from "../src/index.ts";
import { calling, resultsIn, withModel } from "./support.ts";

const add = tool({
  name: "add",
  description: "Adds two numbers.",
  input: { a: "number", b: "number" },
  run: async ({ a, b }) => a + b,
});

describe.each(middyMajors)("An agent on %s", (_name, middy) => {
  test("calls tools until it has an answer", async () => {
    const model = new MockProvider({
      responses: [calling(["add", { a: 1, b: 2 }]), "It is 3."],
    });
    const agent = new Agent({ name: "helper", tools: [add] });
    const handler = middy()
      .use(model.middleware())
      .handler(async (_event, context) => agent.run("1 + 2?", context));
    const result = await handler({}, new MockLambdaContext());
    expect(result).toMatchObject({
      answer: "It is 3.",
      status: "completed",
      iterations: 2,
      toolCalls: 1,
      steps: [
        {
          iteration: 1,
          stopReason: "tool_use",
          toolCalls: [
            {
              name: "add",
              input: { a: 1, b: 2 },
              status: "success",
              content: [{ text: "3" }],
            },
          ],
        },
        { iteration: 2, text: "It is 3.", toolCalls: [] },
      ],
    });
    expect(model.calls[0]?.request.tools).toMatchObject([
      { toolSpec: { name: "add", description: "Adds two numbers." } },
      ...(model.calls[0]?.request.tools?.slice(1) ?? []),
    ]);
    expect(resultsIn(model, 2)).toEqual([
      { toolUseId: "add-0", content: [{ text: "3" }], status: "success" },
    ]);
  });
});

describe("The loop", () => {
  test("counts what the model calls cost", async () => {
    const agent = new Agent({ name: "helper", tools: [add] });
    const { result } = await withModel(
      [calling(["add", { a: 1, b: 2 }]), "It is 3."],
      async (context) => {
        const { totalCostUsd, steps } = await agent.run("1 + 2?", context);
        return { totalCostUsd, steps, spent: context.totalCostUsd };
      },
    );
    expect(result.totalCostUsd).toBe(result.spent);
    expect(result.totalCostUsd).toBeGreaterThan(0);
  });
});
