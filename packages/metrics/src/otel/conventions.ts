/*
 * Names of the semantic conventions for generative AI, version 0.1.0 (open-telemetry/semantic-conventions-genai), status
 * Development. No package has them. The only place to change when the conventions do.
 */

export const PROVIDER = "aws.bedrock";

// Attributes.
export const AGENT_NAME = "gen_ai.agent.name";
export const ERROR_TYPE = "error.type";
export const MODALITY = "gen_ai.token.modality";
export const OPERATION = "gen_ai.operation.name";
export const PROVIDER_NAME = "gen_ai.provider.name";
export const REQUEST_MODEL = "gen_ai.request.model";
export const RESPONSE_MODEL = "gen_ai.response.model";
export const SERVER_ADDRESS = "server.address";
export const SERVER_PORT = "server.port";
export const TOKEN_TYPE = "gen_ai.token.type";
export const TOOL_NAME = "gen_ai.tool.name";
export const TOOL_TYPE = "gen_ai.tool.type";

/** Name, unit and the buckets that are recommended. */
export type Instrument = readonly [
  name: string,
  unit: string,
  buckets?: readonly number[],
];

const SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48,
  40.96, 81.92,
];
const AGENT_SECONDS = [
  0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6,
];
const TOKENS = [
  1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304,
  16777216, 67108864,
];

const INFERENCE = "gen_ai.client.inference";
const AGENT = "gen_ai.invoke_agent";
const TOKEN = "{token}";

export const HISTOGRAM = {
  /** Of a model call, with its retries. */
  duration: [`${INFERENCE}.duration`, "s", SECONDS],
  timeToFirstChunk: [`${INFERENCE}.time_to_first_chunk`, "s", SECONDS],
  timePerOutputChunk: [`${INFERENCE}.time_per_output_chunk`, "s", SECONDS],
  inputTokens: [`${INFERENCE}.operation.input_tokens`, TOKEN, TOKENS],
  outputTokens: [`${INFERENCE}.operation.output_tokens`, TOKEN, TOKENS],
  toolDuration: ["gen_ai.execute_tool.duration", "s", SECONDS],
  /** Of an agent or a chain. */
  agentDuration: [`${AGENT}.duration`, "s", AGENT_SECONDS],
  agentInferenceCalls: [`${AGENT}.inference_calls`, "{inference_call}"],
  agentToolCalls: [`${AGENT}.tool_calls`, "{tool_call}"],
} as const satisfies Readonly<Record<string, Instrument>>;

/** Input tokens include those of the cache. */
export const COUNTER = {
  inputTokens: [`${INFERENCE}.usage.input_tokens`, TOKEN],
  outputTokens: [`${INFERENCE}.usage.output_tokens`, TOKEN],
  cacheReadTokens: [`${INFERENCE}.usage.cache_read.input_tokens`, TOKEN],
  cacheWriteTokens: [`${INFERENCE}.usage.cache_write.input_tokens`, TOKEN],
} as const satisfies Readonly<Record<string, Instrument>>;

/** The names before the conventions had a release of their own. */
export const LEGACY_HISTOGRAM = {
  tokenUsage: ["gen_ai.client.token.usage", TOKEN, TOKENS],
  operationDuration: ["gen_ai.client.operation.duration", "s", SECONDS],
} as const satisfies Readonly<Record<string, Instrument>>;
