/** USD per one million tokens. A kind of tokens without a price here is one whose price is unknown. */
export interface TokenPrices {
  readonly input: number;
  readonly output: number;
  readonly cacheRead?: number;
  /** For the model's own time to live: 5 minutes on Claude and Nova, 30 minutes on GPT and Kimi. */
  readonly cacheWrite?: number;
  readonly cacheWrite1h?: number;
}

export interface ModelPrices extends TokenPrices {
  /** For the whole request once its input, cache reads and writes included, is larger than `aboveInputTokens`. */
  readonly longContext?: TokenPrices & { readonly aboveInputTokens: number };
  /** By the service tier's name, such as `flex`. The catalog has none: register what you were quoted. */
  readonly serviceTiers?: Readonly<Record<string, TokenPrices>>;
}

/** What is known about a model. A missing field means that nobody knows. */
export interface ModelInfo {
  /** The base id, without a profile's prefix. */
  readonly id: string;
  readonly prices?: ModelPrices;
  readonly contextWindowTokens?: number;
  readonly maxOutputTokens?: number;
  readonly tools?: boolean;
  /** Tools in a streamed answer. */
  readonly streamingTools?: boolean;
  readonly systemPrompt?: boolean;
  /** JSON Schema in `outputConfig`. */
  readonly nativeStructuredOutput?: boolean;
  readonly vision?: boolean;
  readonly pdf?: boolean;
  readonly promptCaching?: boolean;
  /** Shorter prefixes are silently not cached. */
  readonly cacheMinTokens?: number;
  readonly reasoning?: boolean;
  /** False: the model refuses `temperature` and `topP`. */
  readonly samplingParameters?: boolean;
  /** False: the model refuses `stopSequences`. */
  readonly stopSequences?: boolean;
  /** `toolChoice: { any: {} }`. */
  readonly toolChoiceAny?: boolean;
  /** `toolChoice: { tool: { name } }`. */
  readonly toolChoiceTool?: boolean;
  /** False: a conversation must not end with a message of the assistant. */
  readonly prefill?: boolean;
  /** Messages of the role `system` inside a conversation. */
  readonly systemMessages?: boolean;
  /** False: the model refuses its own reasoning in a conversation. */
  readonly reasoningReplay?: boolean;
  /** True: `maxTokens` must be below `maxOutputTokens`. */
  readonly maxOutputExclusive?: boolean;
  /** False: the bare id is refused in every Region; the model needs an inference profile. */
  readonly onDemand?: boolean;
  /** The day it ends in most Regions, such as `2026-09-10`. */
  readonly endOfLife?: string;
  /** Regions where it outlives `endOfLife`. */
  readonly stillActiveIn?: readonly string[];
  /** Prefixes of its inference profiles, such as `us` and `global`. */
  readonly profiles?: readonly string[];
  /** Id of a living model to use instead of one with an end of life. */
  readonly replacement?: string;
}

/** Facts about a model of your own, or corrections of the catalog's. */
export type ModelRegistration = {
  /** Id of a known model; facts that are not given here are taken from it. */
  readonly baseModel?: string;
} & Partial<Omit<ModelInfo, "id">>;

/** In the order in which the generated rows have them; what is new comes last. */
export const CAPABILITIES = [
  "tools",
  "streamingTools",
  "systemPrompt",
  "nativeStructuredOutput",
  "vision",
  "pdf",
  "promptCaching",
  "reasoning",
  "samplingParameters",
  "stopSequences",
  "toolChoiceAny",
  "toolChoiceTool",
  "prefill",
  "systemMessages",
  "reasoningReplay",
  "maxOutputExclusive",
  "onDemand",
] as const;

export const NUMBERS = [
  "contextWindowTokens",
  "maxOutputTokens",
  "cacheMinTokens",
] as const;

/** The prices of a row, in its order. */
export const PRICE_KINDS = [
  "input",
  "output",
  "cacheRead",
  "cacheWrite",
  "cacheWrite1h",
] as const;
