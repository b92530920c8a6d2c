import { findModel, type ModelInfo } from "@lambdallm/core";
import { baseModelId } from "@lambdallm/core/feature";

/** How good a model's answers are: 1 for simple work, 5 for the hardest. */
export type QualityTier = 1 | 2 | 3 | 4 | 5;

export const TIERS: readonly QualityTier[] = [1, 2, 3, 4, 5];

/**
 * By the beginning of the model's id; the longest one counts. Our own judgement, by the place that a maker gives the model
 * in its line, its generation and its size. No benchmark stands behind it, which is what the option `quality` is for.
 */
const FAMILIES: Readonly<Record<string, QualityTier>> = {
  "ai21.": 1,
  "ai21.jamba-1-5-large": 2,
  "amazon.nova-2-lite": 3,
  "amazon.nova-2-pro": 4,
  "amazon.nova-lite": 2,
  "amazon.nova-micro": 1,
  "amazon.nova-premier": 3,
  "amazon.nova-pro": 3,
  "amazon.titan-": 1,
  "anthropic.claude-": 1,
  "anthropic.claude-3-": 2,
  "anthropic.claude-3-5-sonnet": 3,
  "anthropic.claude-3-7-sonnet": 3,
  "anthropic.claude-3-opus": 3,
  "anthropic.claude-fable-": 5,
  "anthropic.claude-haiku-": 3,
  "anthropic.claude-opus-": 5,
  "anthropic.claude-opus-4-1-": 4,
  "anthropic.claude-opus-4-2025": 4,
  "anthropic.claude-sonnet-": 4,
  "cohere.command": 1,
  "cohere.command-r-plus": 2,
  "deepseek.": 3,
  "google.gemma-3-": 1,
  "google.gemma-3-27b": 2,
  "google.gemma-4-26b": 2,
  "google.gemma-4-31b": 3,
  "google.gemma-4-e2b": 1,
  "meta.llama": 1,
  "meta.llama3-1-405b": 3,
  "meta.llama3-1-70b": 2,
  "meta.llama3-2-90b": 2,
  "meta.llama3-3-70b": 2,
  "meta.llama4-maverick": 3,
  "meta.llama4-scout": 2,
  "minimax.": 3,
  "mistral.": 1,
  "mistral.devstral-2": 3,
  "mistral.magistral-small": 2,
  "mistral.ministral-3-14b": 2,
  "mistral.mistral-large-": 2,
  "mistral.mistral-large-3": 3,
  "mistral.pixtral-large": 2,
  "mistral.voxtral-small": 2,
  "moonshot.kimi-k2": 4,
  "moonshotai.kimi-k2": 4,
  "moonshotai.kimi-k3": 5,
  "nvidia.nemotron-nano-": 1,
  "nvidia.nemotron-nano-3-30b": 2,
  "nvidia.nemotron-super-": 3,
  "openai.gpt-5.6-luna": 3,
  "openai.gpt-5.6-sol": 5,
  "openai.gpt-5.6-terra": 4,
  "openai.gpt-6-astra": 5,
  "openai.gpt-6-luna": 3,
  "openai.gpt-6-sol": 5,
  "openai.gpt-6.1-sol": 5,
  "openai.gpt-6.1-terra": 4,
  "openai.gpt-oss-120b": 3,
  "openai.gpt-oss-20b": 2,
  "openai.gpt-oss-safeguard-": 1,
  "qwen.qwen3-": 3,
  "qwen.qwen3-32b": 2,
  "qwen.qwen3-coder-30b": 2,
  "writer.palmyra-": 2,
  "writer.palmyra-x5": 3,
  "xai.grok-": 4,
  "zai.glm-4": 3,
  "zai.glm-4.7-flash": 2,
  "zai.glm-5": 4,
};

/** The id itself, and that of the model behind it: without an inference profile's prefix, or as it was registered. */
export function knownAs(
  model: string,
  info = findModel(model),
): readonly [id: string, base: string] {
  return [model, info?.id ?? baseModelId(model)];
}

/** What `quality` says of the id or of the model behind it, or the family's tier; 1 when nobody knows. */
export function tierOf(
  model: string,
  info: ModelInfo | undefined,
  quality: ReadonlyMap<string, QualityTier>,
): QualityTier {
  const [id, base] = knownAs(model, info);
  return quality.get(id) ?? quality.get(base) ?? familyTier(base) ?? 1;
}

/** Each call asks for the tiers of all of a router's models: they are looked for once. */
const familyTiers = new Map<string, QualityTier | undefined>();

/** The tier of the table; undefined for a model of no family that is in it. */
export function familyTier(base: string): QualityTier | undefined {
  if (!familyTiers.has(base)) familyTiers.set(base, lookUpFamily(base));
  return familyTiers.get(base);
}

function lookUpFamily(base: string): QualityTier | undefined {
  let longest = "";
  for (const family of Object.keys(FAMILIES))
    if (base.startsWith(family) && family.length > longest.length)
      longest = family;
  return FAMILIES[longest];
}
