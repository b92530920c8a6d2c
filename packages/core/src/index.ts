export type { InvocationMetrics } from "./call/totals.ts";
export type {
  CallOptions,
  ConverseRequest,
  LLMContext,
  PromptArguments,
  PromptSource,
  StructuredOptions,
} from "./context/llm-context.ts";
export {
  formatTemplate,
  type PromptValue,
  type VariableNames,
  type Variables,
} from "./context/template.ts";
export {
  type AudioBlock,
  type CachePoint,
  type CitationsContentBlock,
  type ContentBlock,
  type DocumentBlock,
  type GuardContentBlock,
  type ImageBlock,
  type JsonValue,
  type MediaSource,
  type Message,
  type ReasoningBlock,
  type S3Location,
  type SearchResultBlock,
  type SystemBlock,
  type Tool,
  type ToolChangeBlock,
  type ToolChoice,
  type ToolResultBlock,
  type ToolResultContent,
  type ToolUseBlock,
  textOf,
  type UnknownBlock,
  type VideoBlock,
} from "./contract/content.ts";
export {
  ConfigurationError,
  GuardrailError,
  InvocationTimeoutError,
  LambdaLLMError,
  StructuredOutputError,
} from "./contract/errors.ts";
export {
  type Branch,
  type Failure,
  type Journal,
  JournalMismatchError,
  type Retry,
  type Settled,
  StepFailure,
  type StepInfo,
  type StepOptions,
  Suspended,
  type WaitingFor,
} from "./contract/journal.ts";
export type {
  BedrockSettings,
  Delta,
  DeltaKind,
  ModelResponse,
  Output,
  OutputFormat,
  OutputMode,
  StopReason,
  Usage,
} from "./contract/model-call.ts";
export {
  type FailedAttempt,
  type FailureReason,
  ModelInvocationError,
} from "./contract/model-error.ts";
export { headerOf } from "./middy/header-of.ts";
export type { WithLLM } from "./middy/members.ts";
export { findModel, listModels, registerModel } from "./models/catalog.ts";
export { type BillableCall, costOf } from "./models/cost.ts";
export { estimateTokens } from "./models/estimate-tokens.ts";
export { Model, type ModelConstants, type ModelId } from "./models/model.ts";
export type {
  ModelInfo,
  ModelPrices,
  ModelRegistration,
  TokenPrices,
} from "./models/model-info.ts";
export { Prompt, type PromptConstructor } from "./prompt/prompt.ts";
export type {
  InputSchema,
  PromptContext,
  PromptJSON,
  PromptOptions,
} from "./prompt/types.ts";
export type {
  InferOutput,
  JsonSchema,
  OutputSchema,
  SchemaPair,
  Shorthand,
  StandardSchemaWithJson,
} from "./schema/types.ts";
export {
  BudgetExceededError,
  type BudgetFailure,
  SessionConflictError,
  StepInProgressError,
  StoreError,
  type StoreFailureReason,
} from "./stores/state-errors.ts";
export type { BodyFormat } from "./stream/body-format.ts";
export type { Growing, ObjectStream } from "./stream/object-stream.ts";
export { TextStream } from "./stream/text-stream.ts";
export {
  type ResponseBodyOptions,
  toResponseBody,
} from "./stream/to-response-body.ts";
