export { type CallFacts, callFacts } from "./call/call-facts.ts";
export {
  errorNameOf,
  plainName,
  safeMessageOf,
} from "./call/error-record.ts";
export { errorTypeOf } from "./call/error-type.ts";
export type { InvocationEvents } from "./call/events.ts";
export type { Invocation, RequestDefaults } from "./call/invocation.ts";
export {
  type AgentOperation,
  type AttemptOperation,
  type CallOperation,
  type CallTotals,
  type ChainOperation,
  enclosing,
  mayBeReplay,
  type Operation,
  type OperationOutcome,
  type OperationResults,
  type ProgramOperation,
  type RunInfo,
  type StepOperation,
  type ToolOperation,
} from "./call/operation.ts";
export {
  type Observation,
  type OperationObserver,
  Operations,
  presentOperation,
} from "./call/operations.ts";
export { serverOf } from "./call/server-of.ts";
export { type AnswerState, answerState } from "./call/stop-reasons.ts";
export { brokenAnswer, textAnswer, wholeAnswer } from "./call/text-answer.ts";
export { timeIsUp } from "./call/time-is-up.ts";
export { addUsage } from "./call/totals.ts";
export { splitHalf } from "./call/whole-characters.ts";
export { wrongInBlock } from "./checks/check-block.ts";
export { checkMessages } from "./checks/check-messages.ts";
export { warnOfClientRetries } from "./checks/client-retries.ts";
export { isObject } from "./checks/is-object.ts";
export { suggestion } from "./checks/nearest-name.ts";
export { check, type OptionCheck, validateOptions } from "./checks/options.ts";
export { jsonBytes, plainJson } from "./checks/plain-json.ts";
export { reasonOf } from "./checks/reason-of.ts";
export { RecentMap } from "./checks/recent-map.ts";
export { isThenable } from "./checks/thenable.ts";
export { isTooDeep } from "./checks/too-deep.ts";
export { warn } from "./checks/warn.ts";
export { askForValue } from "./context/ask-for-value.ts";
export type { ContextChanges } from "./context/context.ts";
export {
  callOptionChecks,
  converseRequest,
  invokeOptionChecks,
  systemBlocks,
} from "./context/requests.ts";
export {
  NOTHING,
  pathsOf,
  type TemplatePaths,
  valueAt,
} from "./context/template.ts";
export { isManagedPrompt } from "./contract/managed-prompt.ts";
export type {
  Adaptation,
  CallInfo,
  CallModel,
  ConversationInfo,
  Interceptor,
  ModelRequest,
  Provider,
  ProviderObserver,
  ProviderResponse,
  Stage,
} from "./contract/model-call.ts";
export { usageOf } from "./contract/model-call.ts";
export type { ModelFailure } from "./contract/model-error.ts";
export { retryAfterHeaders } from "./contract/retry-after.ts";
export { journalOf } from "./journal/journal-of.ts";
export { transientRetry } from "./journal/transient-retry.ts";
export { changedContext } from "./middy/changed-context.ts";
export { FeatureMembers } from "./middy/feature-members.ts";
export { Middleware } from "./middy/middleware.ts";
export type { MiddyMiddleware, MiddyRequest } from "./middy/middy-types.ts";
export { ObservedInvocations } from "./middy/observed-invocations.ts";
export { providerMiddleware } from "./middy/provider-middleware.ts";
export { withProvider } from "./middy/provider-override.ts";
export { invocationOf, llmOf } from "./middy/registry.ts";
export { checkedTenant, isolatedTenant } from "./middy/tenant.ts";
export { arnRegion } from "./models/arn-region.ts";
export { baseModelId } from "./models/catalog.ts";
export { PICO_USD_PER_USD, sumOfUsd } from "./models/cost.ts";
export {
  estimateRequestTokens,
  estimateTextTokens,
} from "./models/estimate-tokens.ts";
export { isClaude, isNova } from "./models/family.ts";
export { geographiesOf, hasGlobalProfiles } from "./models/geography.ts";
export {
  DEFAULT_MAX_TOKENS,
  largestMaxTokens,
  maxTokensOf,
} from "./models/max-tokens.ts";
export { type FitOptions, misfitsOf } from "./models/misfits.ts";
export { modelName } from "./models/model-name.ts";
export { needsOf, type RequestNeeds } from "./models/needs.ts";
export { type Thinking, thinkingOf } from "./models/thinking.ts";
export { withModel } from "./models/with-model.ts";
export {
  type AssumedPrice,
  type Region,
  unknownCost,
  worstCaseOf,
} from "./models/worst-case.ts";
export {
  Connections,
  type ConnectionsOptions,
  followSending,
  type RequestHandler,
  Sending,
} from "./network/connections.ts";
export { extractJson } from "./schema/extract-json.ts";
export { schemaOf } from "./schema/schema-of.ts";
export {
  type NormalizedSchema,
  toJsonSchema,
} from "./schema/to-json-schema.ts";
export { compileValidator, type Validator } from "./schema/validate.ts";
export { withoutProto } from "./schema/without-proto.ts";
export { PieceStream } from "./stream/piece-stream.ts";
export { streamText } from "./stream/text-stream.ts";
export { watching } from "./stream/watching.ts";
export { fullJitterMs, type JitterOptions, sleep } from "./time/sleep.ts";
export { MAX_TIMER_MS, startTimer } from "./time/timer.ts";
export { type WithinOptions, within } from "./time/within.ts";
