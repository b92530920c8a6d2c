import { describe, expect, test } from "@jest/globals";
import { type ModelRequest, withModel } from "@lambdallm/core/feature";
import { PRICED } from "./support.ts";

const OTHER = "amazon.nova-lite-v1:0";
const reasoning = { reasoningContent: { reasoningText: { text: "Hm" } } };

const request: ModelRequest = {
  model: PRICED,
  system: [{ text: "Be brief." }],
  maxTokens: 100,
  tags: { a: "b" },
  messages: [
    { role: "user", content: [{ text: "Hi" }] },
    { role: "assistant", content: [reasoning, { text: "Hello" }] },
    { role: "user", content: [{ text: "And?" }] },
  ],
  bedrock: {
    guardrailConfig: { guardrailIdentifier: "g" },
    requestMetadata: { team: "blue" },
    additionalModelRequestFields: { thinking: { type: "enabled" } },
    additionalModelResponseFieldPaths: ["/stop_sequence"],
    outputConfig: { effort: "low" },
    performanceConfig: { latency: "optimized" },
    promptVariables: { name: { text: "Ada" } },
    serviceTier: { type: "flex" },
  },
};

describe("A request for another model", () => {
  test("leaves out what only the first one understands, and keeps the rest", () => {
    const given = structuredClone(request);
    expect(withModel(request, OTHER)).toEqual({
      ...request,
      model: OTHER,
      messages: [
        request.messages[0],
        { role: "assistant", content: [{ text: "Hello" }] },
        request.messages[2],
      ],
      bedrock: {
        guardrailConfig: { guardrailIdentifier: "g" },
        requestMetadata: { team: "blue" },
      },
    });
    expect(request).toEqual(given);
  });

  test("has no settings of Bedrock when none are left, or none were given", () => {
    const { bedrock: _, ...plain } = request;
    const bound = { ...plain, bedrock: { serviceTier: { type: "flex" } } };
    for (const each of [plain, bound])
      expect(withModel(each, OTHER)).not.toHaveProperty("bedrock");
  });

  test("is the request itself when the model is the one that it asks", () => {
    expect(withModel(request, request.model)).toBe(request);
  });

  test("keeps everything when it is the same model by another id", () => {
    const model = `eu.${PRICED}`;
    expect(withModel(request, model)).toEqual({ ...request, model });
  });
});
