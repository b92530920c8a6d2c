/*
 * Names of the semantic conventions for generative AI, version 0.1.0 (open-telemetry/semantic-conventions-genai), status
 * Development. No package has them. The only place to change when the conventions do.
 */

export const PROVIDER = "aws.bedrock";

export const ATTRIBUTE = {
  agentName: "gen_ai.agent.name",
  errorType: "error.type",
  modality: "gen_ai.token.modality",
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  responseModel: "gen_ai.response.model",
  tokenType: "gen_ai.token.type",
  toolName: "gen_ai.tool.name",
  toolType: "gen_ai.tool.type",
} as const;

const AGENT_SECONDS = [
  0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6,
];
const SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48,
  40.96, 81.92,
];
const TOKENS = [
  1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304,
  16777216, 67108864,
];

const INFERENCE = "gen_ai.client.inference";

/** What each instrument is made with. */
interface Instrument {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly buckets?: readonly number[];
}

export const HISTOGRAM = {
  duration: {
    name: `${INFERENCE}.duration`,
    unit: "s",
    description: "Duration of a model call, with its retries.",
    buckets: SECONDS,
  },
  timeToFirstChunk: {
    name: `${INFERENCE}.time_to_first_chunk`,
    unit: "s",
    description: "Time to the first piece of a streamed answer.",
    buckets: SECONDS,
  },
  timePerOutputChunk: {
    name: `${INFERENCE}.time_per_output_chunk`,
    unit: "s",
    description: "Time between two pieces of a streamed answer.",
    buckets: SECONDS,
  },
  inputTokens: {
    name: `${INFERENCE}.operation.input_tokens`,
    unit: "{token}",
    description: "Input tokens of a model call, those of the cache included.",
    buckets: TOKENS,
  },
  outputTokens: {
    name: `${INFERENCE}.operation.output_tokens`,
    unit: "{token}",
    description: "Output tokens of a model call.",
    buckets: TOKENS,
  },
  toolDuration: {
    name: "gen_ai.execute_tool.duration",
    unit: "s",
    description: "Duration of a tool's work.",
    buckets: SECONDS,
  },
  agentDuration: {
    name: "gen_ai.invoke_agent.duration",
    unit: "s",
    description: "Duration of an agent or a chain.",
    buckets: AGENT_SECONDS,
  },
  agentInferenceCalls: {
    name: "gen_ai.invoke_agent.inference_calls",
    unit: "{inference_call}",
    description: "Answers of the model that a run of an agent took.",
  },
  agentToolCalls: {
    name: "gen_ai.invoke_agent.tool_calls",
    unit: "{tool_call}",
    description: "Calls of tools in a run of an agent.",
  },
} as const satisfies Readonly<Record<string, Instrument>>;

export const COUNTER = {
  inputTokens: {
    name: `${INFERENCE}.usage.input_tokens`,
    unit: "{token}",
    description: "Input tokens, those of the cache included.",
  },
  outputTokens: {
    name: `${INFERENCE}.usage.output_tokens`,
    unit: "{token}",
    description: "Output tokens.",
  },
  cacheReadTokens: {
    name: `${INFERENCE}.usage.cache_read.input_tokens`,
    unit: "{token}",
    description: "Input tokens that were read from the cache.",
  },
  cacheWriteTokens: {
    name: `${INFERENCE}.usage.cache_write.input_tokens`,
    unit: "{token}",
    description: "Input tokens that were written to the cache.",
  },
} as const satisfies Readonly<Record<string, Instrument>>;

/** The names before the conventions had a release of their own. */
export const LEGACY_HISTOGRAM = {
  tokenUsage: {
    name: "gen_ai.client.token.usage",
    unit: "{token}",
    description: "Tokens of a model call, by their type.",
    buckets: TOKENS,
  },
  operationDuration: {
    name: "gen_ai.client.operation.duration",
    unit: "s",
    description: "Duration of a model call.",
    buckets: SECONDS,
  },
} as const satisfies Readonly<Record<string, Instrument>>;
