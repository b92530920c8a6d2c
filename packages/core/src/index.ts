export { type InvocationEvents, warn } from "./call/events.ts";
export type { Invocation, RequestDefaults } from "./call/invocation.ts";
export { textAnswer } from "./call/text-answer.ts";
export type { InvocationMetrics } from "./call/totals.ts";
export { wrongInBlock } from "./checks/check-block.ts";
export { checkMessages } from "./checks/check-messages.ts";
export { check, type OptionCheck, validateOptions } from "./checks/options.ts";
export { isThenable } from "./checks/thenable.ts";
export { isTooDeep } from "./checks/too-deep.ts";
export {
  callOptionChecks,
  invokeOptionChecks,
  systemBlocks,
} from "./context/context.ts";
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
export { isManagedPrompt } from "./contract/managed-prompt.ts";
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
} from "./contract/model-call.ts";
export {
  type FailedAttempt,
  type FailureReason,
  type ModelFailure,
  ModelInvocationError,
} from "./contract/model-error.ts";
export { Middleware } from "./middy/middleware.ts";
export {
  type MiddyMiddleware,
  type MiddyRequest,
  providerMiddleware,
} from "./middy/provider-middleware.ts";
export { withProvider } from "./middy/provider-override.ts";
export { invocationOf, llmOf, type WithLLM } from "./middy/registry.ts";
export {
  baseModelId,
  findModel,
  listModels,
  registerModel,
} from "./models/catalog.ts";
export { type BillableCall, costOf } from "./models/cost.ts";
export {
  estimateRequestTokens,
  estimateTextTokens,
  estimateTokens,
} from "./models/estimate-tokens.ts";
export { isClaude, isNova } from "./models/family.ts";
export { geographiesOf, hasGlobalProfiles } from "./models/geography.ts";
export {
  DEFAULT_MAX_TOKENS,
  largestMaxTokens,
  maxTokensOf,
} from "./models/max-tokens.ts";
export { Model, type ModelConstants, type ModelId } from "./models/model.ts";
export type {
  ModelInfo,
  ModelPrices,
  ModelRegistration,
  TokenPrices,
} from "./models/model-info.ts";
export { modelName } from "./models/model-name.ts";
export { needsOf, type RequestNeeds, unmetNeeds } from "./models/needs.ts";
export { type Thinking, thinkingOf } from "./models/thinking.ts";
export { withModel } from "./models/with-model.ts";
export { Prompt, type PromptConstructor } from "./prompt/prompt.ts";
export type {
  InputSchema,
  PromptContext,
  PromptJSON,
  PromptOptions,
} from "./prompt/types.ts";
export { extractJson } from "./schema/extract-json.ts";
export type {
  InferOutput,
  JsonSchema,
  OutputSchema,
  SchemaPair,
  Shorthand,
  StandardSchemaWithJson,
} from "./schema/types.ts";
export { withoutProto } from "./schema/without-proto.ts";
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
export { checkExpiry } from "./stores/check-expiry.ts";
export { checkId } from "./stores/check-id.ts";
export { checkLease } from "./stores/check-lease.ts";
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
export {
  BudgetExceededError,
  type BudgetFailure,
  SessionConflictError,
  StepInProgressError,
  StoreError,
  type StoreFailureReason,
} from "./stores/state-errors.ts";
export type {
  ClaimOutcome,
  StepKey,
  StepRecord,
  StepStore,
} from "./stores/step-store.ts";
export type { Stores } from "./stores/stores.ts";
export { checkDay, utcDayOf } from "./stores/utc-day.ts";
export type { BodyFormat } from "./stream/body-format.ts";
export type { Growing, ObjectStream } from "./stream/object-stream.ts";
export { streamText, TextStream } from "./stream/text-stream.ts";
export {
  type ResponseBodyOptions,
  toResponseBody,
} from "./stream/to-response-body.ts";
export { MAX_TIMER_MS } from "./time/timer.ts";
