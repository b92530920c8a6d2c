import type { ContentBlock } from "../contract/content.ts";
import type { BedrockSettings, ModelRequest } from "../contract/model-call.ts";
import { baseModelId } from "./catalog.ts";

/** Settings that mean something to one model, and make others refuse the request. */
const MODEL_BOUND: readonly (keyof BedrockSettings)[] = [
  "additionalModelRequestFields",
  "additionalModelResponseFieldPaths",
  "outputConfig",
  "performanceConfig",
  "promptVariables",
  "serviceTier",
];

/**
 * The same request for another model. What only the first one understands is left out: its own settings, and the
 * reasoning in the history, which it has signed. Guardrails and metadata stay. The provider does the rest when it
 * compiles the request: system prompt, token limits, sampling, cache points.
 */
export function withModel(request: ModelRequest, model: string): ModelRequest {
  if (model === request.model) return request;
  if (baseModelId(model) === baseModelId(request.model))
    return { ...request, model };
  const { bedrock, messages, ...rest } = request;
  const kept = Object.entries(bedrock ?? {}).filter(
    // The keys are those of BedrockSettings, or unknown ones, which the provider refuses by name.
    ([name]) => !MODEL_BOUND.includes(name as keyof BedrockSettings),
  );
  return {
    ...rest,
    model,
    messages: messages.map((message) => ({
      ...message,
      content: message.content.filter((block) => !isReasoning(block)),
    })),
    ...(kept.length > 0 && { bedrock: Object.fromEntries(kept) }),
  };
}

function isReasoning(block: ContentBlock): boolean {
  return "reasoningContent" in block;
}
