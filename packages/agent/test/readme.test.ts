import { afterEach, expect, jest, test } from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import bedrock from "@lambdallm/bedrock";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";
import middy from "@middy/core";

// The README's example and its test.
const weather = tool({
  name: "weather",
  description: "The weather of a city, today.",
  input: { city: "string" },
  run: async ({ city }, { signal }) => {
    const url = `https://api.example.com/weather?city=${encodeURIComponent(city)}`;
    return (await fetch(url, { signal })).json();
  },
});

const agent = new Agent({
  name: "concierge",
  systemPrompt: "You help the guests of a hotel.",
  tools: [weather],
  maxCostUsd: 0.05,
});

const handler = middy<{ question: string }>()
  .use(bedrock())
  .handler(
    async ({ question }, context) =>
      (await agent.run(question, context)).answer,
  );

const call = {
  toolUse: { toolUseId: "1", name: "weather", input: { city: "Oslo" } },
};

afterEach(() => {
  jest.restoreAllMocks();
});

test(
  "tells the weather",
  mockModel(
    { responses: [{ content: [call] }, "It snows in Oslo."] },
    async (model) => {
      const asked = jest
        .spyOn(globalThis, "fetch")
        .mockResolvedValue(Response.json({ sky: "snow" }));
      const answer = await handler(
        { question: "How is Oslo?" },
        new MockLambdaContext(),
      );
      expect(answer).toBe("It snows in Oslo.");
      expect(model.totalCalls).toBe(2);
      expect(asked.mock.calls[0]?.[0]).toBe(
        "https://api.example.com/weather?city=Oslo",
      );
      expect(JSON.stringify(model.calls[1]?.request.messages)).toContain(
        '"sky":"snow"',
      );
    },
  ),
);
