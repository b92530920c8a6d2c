/**
 * Names of the OpenTelemetry GenAI semantic conventions, v0.1.0. No package has them, and all of them may still change: they stand
 * here, and nowhere else.
 *
 * @see https://github.com/open-telemetry/semantic-conventions-genai
 */
export const OPERATION_NAME = "gen_ai.operation.name";
export const PROVIDER_NAME = "gen_ai.provider.name";
export const REQUEST_MODEL = "gen_ai.request.model";
export const REQUEST_STREAM = "gen_ai.request.stream";
export const REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens";
export const REQUEST_TEMPERATURE = "gen_ai.request.temperature";
export const REQUEST_TOP_P = "gen_ai.request.top_p";
export const REQUEST_TOP_K = "gen_ai.request.top_k";
export const REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences";
export const REQUEST_REASONING_LEVEL = "gen_ai.request.reasoning.level";
export const RESPONSE_ID = "gen_ai.response.id";
export const RESPONSE_MODEL = "gen_ai.response.model";
export const RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons";
export const RESPONSE_TIME_TO_FIRST_CHUNK =
  "gen_ai.response.time_to_first_chunk";
export const USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens";
export const USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens";
export const USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens";
export const USAGE_CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens";
export const CONVERSATION_ID = "gen_ai.conversation.id";
export const CONVERSATION_COMPACTED = "gen_ai.conversation.compacted";
export const PROMPT_NAME = "gen_ai.prompt.name";
export const PROMPT_VERSION = "gen_ai.prompt.version";
export const OUTPUT_TYPE = "gen_ai.output.type";
export const AGENT_NAME = "gen_ai.agent.name";
export const TOOL_NAME = "gen_ai.tool.name";
export const TOOL_TYPE = "gen_ai.tool.type";
export const TOOL_DESCRIPTION = "gen_ai.tool.description";
export const TOOL_CALL_ID = "gen_ai.tool.call.id";
export const TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments";
export const TOOL_CALL_RESULT = "gen_ai.tool.call.result";
export const SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions";
export const INPUT_MESSAGES = "gen_ai.input.messages";
export const OUTPUT_MESSAGES = "gen_ai.output.messages";
export const TOOL_DEFINITIONS = "gen_ai.tool.definitions";
export const GUARDRAIL_ID = "aws.bedrock.guardrail.id";

/** Of the general conventions. */
export const ERROR_TYPE = "error.type";
export const SERVER_ADDRESS = "server.address";
export const SERVER_PORT = "server.port";
export const HTTP_STATUS_CODE = "http.response.status_code";
export const EXCEPTION = "exception";
export const EXCEPTION_TYPE = "exception.type";
export const EXCEPTION_MESSAGE = "exception.message";

/** What no convention has a name for. */
export const ATTEMPT = "lambdallm.attempt";
export const COST_USD = "lambdallm.cost.usd";
export const RUN_ID = "lambdallm.run.id";
export const RUN_RESUMED = "lambdallm.run.resumed";
export const RUN_SUSPENDED = "lambdallm.run.suspended";
export const STATUS = "lambdallm.status";
export const STEP_NAME = "lambdallm.step.name";
