import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { Prompt } from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import { bodyOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
let answers: string[];
beforeAll(async () => {
  local = await start({
    respond: () => ({
      content: [{ text: answers.shift() ?? "" }],
      usage: { inputTokens: 1_000, outputTokens: 100 },
    }),
  });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

const describeIt = new Prompt({
  name: "describe",
  version: "2.1.0",
  template: "Describe {thing}.",
  systemPrompt: "Be brief.",
  outputSchema: { title: "str", year: "int?" },
  maxTokens: 200,
});

test("A prompt's name and version go to the service's logs, its settings into the request", async () => {
  answers = ["fine"];
  await invocation(
    local,
    (context) => context.invoke(describeIt, { thing: "the sea" }),
    { model: "meta.llama3-8b-instruct-v1:0" },
  );
  expect(bodyOf(local)).toMatchObject({
    messages: [{ content: [{ text: "Describe the sea." }] }],
    system: [{ text: "Be brief." }],
    inferenceConfig: { maxTokens: 200, temperature: 0.7 },
    requestMetadata: { "prompt.name": "describe", "prompt.version": "2.1.0" },
  });
});

test("Its invoke returns a value of its schema, and every attempt is counted and paid for", async () => {
  answers = ["no JSON", '{"title":"Sea"}'];
  const { value, metrics, cost } = await invocation(
    local,
    async (context) => ({
      value: await describeIt.invoke(context, { thing: "the sea" }),
      metrics: context.metrics,
      cost: context.totalCostUsd,
    }),
    { model: "meta.llama3-8b-instruct-v1:0" },
  );
  expect(value).toEqual({ title: "Sea" });
  expect(metrics).toMatchObject({
    calls: 2,
    attempts: 2,
    usage: { inputTokens: 2_000, outputTokens: 200 },
  });
  // 0.3 and 0.6 USD a million tokens.
  expect(cost).toBe(0.00072);
});
