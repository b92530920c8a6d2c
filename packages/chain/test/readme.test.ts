import { expect, test } from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import { chain } from "@lambdallm/chain";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";
import middy from "middy7";

// The README's example and its test.
const report = chain("report")
  .step({ name: "summary", prompt: "Summarize:\n{text}" })
  .step({
    name: "facts",
    prompt: "List the facts:\n{text}",
    outputSchema: { facts: ["string"] },
  })
  .step({
    name: "title",
    prompt:
      "A title for this summary: {summary.output}\nFacts: {facts.output.facts}",
  });

const handler = middy<{ text: string }>()
  .use(bedrock({ region: "us-east-1" }))
  .handler(async ({ text }, context) => {
    const result = await report.run(context, { text });
    if (result.error) throw result.error;
    return { title: result.outputs.title, costUsd: result.totalCostUsd };
  });

test(
  "reports",
  mockModel(
    {
      responses: ["A summary.", { value: { facts: ["One."] } }, "A title"],
    },
    async (model) => {
      const answer = await handler(
        { text: "A long text." },
        new MockLambdaContext(),
      );
      expect(answer).toMatchObject({ title: "A title" });
      expect(model.lastPrompt).toContain("A summary.");
    },
  ),
);
