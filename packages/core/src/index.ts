export type { BodyFormat } from "./body-format.ts";
export {
  baseModelId,
  findModel,
  listModels,
  type ModelInfo,
  type ModelPrices,
  type ModelRegistration,
  registerModel,
  type TokenPrices,
} from "./catalog.ts";
export { wrongInBlock } from "./check-block.ts";
export { checkMessages } from "./check-messages.ts";
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
} from "./content.ts";
export {
  callOptionChecks,
  invokeOptionChecks,
  systemBlocks,
} from "./context.ts";
export { type BillableCall, costOf } from "./cost.ts";
export {
  ConfigurationError,
  GuardrailError,
  InvocationTimeoutError,
  LambdaLLMError,
  StructuredOutputError,
} from "./errors.ts";
export {
  estimateRequestTokens,
  estimateTextTokens,
  estimateTokens,
} from "./estimate-tokens.ts";
export { type InvocationEvents, warn } from "./events.ts";
export { isClaude, isNova } from "./family.ts";
export type { Invocation, RequestDefaults } from "./invocation.ts";
export type {
  CallOptions,
  ConverseRequest,
  LLMContext,
  PromptArguments,
  PromptSource,
  StructuredOptions,
} from "./llm-context.ts";
export { isManagedPrompt } from "./managed-prompt.ts";
export {
  DEFAULT_MAX_TOKENS,
  largestMaxTokens,
  maxTokensOf,
} from "./max-tokens.ts";
export { Middleware } from "./middleware.ts";
export { Model, type ModelConstants, type ModelId } from "./model.ts";
export type {
  Adaptation,
  BedrockSettings,
  CallInfo,
  CallModel,
  Delta,
  DeltaKind,
  Interceptor,
  ModelRequest,
  ModelResponse,
  Output,
  OutputFormat,
  OutputMode,
  Provider,
  ProviderObserver,
  ProviderResponse,
  Stage,
  StopReason,
  Usage,
} from "./model-call.ts";
export {
  type FailedAttempt,
  type FailureReason,
  type ModelFailure,
  ModelInvocationError,
} from "./model-error.ts";
export { modelName } from "./model-name.ts";
export { needsOf, type RequestNeeds, unmetNeeds } from "./needs.ts";
export type { Growing, ObjectStream } from "./object-stream.ts";
export { check, type OptionCheck, validateOptions } from "./options.ts";
export {
  type InputSchema,
  Prompt,
  type PromptConstructor,
  type PromptContext,
  type PromptJSON,
  type PromptOptions,
} from "./prompt/index.ts";
export {
  type MiddyMiddleware,
  type MiddyRequest,
  providerMiddleware,
} from "./provider-middleware.ts";
export { invocationOf, type WithLLM, withProvider } from "./registry.ts";
export {
  extractJson,
  type InferOutput,
  type JsonSchema,
  type OutputSchema,
  type SchemaPair,
  type Shorthand,
  type StandardSchemaWithJson,
  withoutProto,
} from "./schema/index.ts";
export {
  BudgetExceededError,
  type BudgetFailure,
  SessionConflictError,
  StepInProgressError,
  StoreError,
  type StoreFailureReason,
} from "./state-errors.ts";
export type {
  BudgetLimits,
  BudgetReservation,
  BudgetState,
  BudgetStore,
  BudgetUse,
  ReserveOutcome,
  SpendingReportRow,
  SpendingRow,
} from "./stores/budget-store.ts";
export { checkAmount } from "./stores/check-amount.ts";
export { checkId } from "./stores/check-id.ts";
export { checkLease } from "./stores/check-lease.ts";
export type { Stores } from "./stores/index.ts";
export { MemoryBudgetStore } from "./stores/memory-budget-store.ts";
export type { MemoryStoreOptions } from "./stores/memory-options.ts";
export { MemorySessionStore } from "./stores/memory-session-store.ts";
export { MemoryStepStore } from "./stores/memory-step-store.ts";
export { memoryStores } from "./stores/memory-stores.ts";
export type {
  NewTurn,
  SessionHeader,
  SessionKey,
  SessionMessage,
  SessionStore,
  SessionSummary,
  StoredSession,
  Turn,
} from "./stores/session-store.ts";
export type {
  ClaimOutcome,
  StepKey,
  StepRecord,
  StepStore,
} from "./stores/step-store.ts";
export { checkDay, utcDayOf } from "./stores/utc-day.ts";
export {
  formatTemplate,
  type PromptValue,
  type VariableNames,
  type Variables,
} from "./template.ts";
export { textAnswer } from "./text-answer.ts";
export { streamText, TextStream } from "./text-stream.ts";
export { type Thinking, thinkingOf } from "./thinking.ts";
export { MAX_TIMER_MS } from "./timer.ts";
export {
  type ResponseBodyOptions,
  toResponseBody,
} from "./to-response-body.ts";
export { isTooDeep } from "./too-deep.ts";
export type { InvocationMetrics } from "./totals.ts";
export { withModel } from "./with-model.ts";
