export { type InvocationEvents, warn } from "./call/events.ts";
export type { Invocation, RequestDefaults } from "./call/invocation.ts";
export { textAnswer } from "./call/text-answer.ts";
export { wrongInBlock } from "./checks/check-block.ts";
export { checkMessages } from "./checks/check-messages.ts";
export { check, type OptionCheck, validateOptions } from "./checks/options.ts";
export { jsonBytes, plainJson } from "./checks/plain-json.ts";
export { isTooDeep } from "./checks/too-deep.ts";
export {
  callOptionChecks,
  invokeOptionChecks,
  systemBlocks,
} from "./context/context.ts";
export { isManagedPrompt } from "./contract/managed-prompt.ts";
export type {
  Adaptation,
  CallInfo,
  CallModel,
  Interceptor,
  ModelRequest,
  Provider,
  ProviderObserver,
  ProviderResponse,
  Stage,
} from "./contract/model-call.ts";
export type { ModelFailure } from "./contract/model-error.ts";
export { Middleware } from "./middy/middleware.ts";
export {
  type MiddyMiddleware,
  type MiddyRequest,
  providerMiddleware,
} from "./middy/provider-middleware.ts";
export { invocationOf, llmOf, withProvider } from "./middy/registry.ts";
export { baseModelId } from "./models/catalog.ts";
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
export { modelName } from "./models/model-name.ts";
export { needsOf, type RequestNeeds, unmetNeeds } from "./models/needs.ts";
export { type Thinking, thinkingOf } from "./models/thinking.ts";
export { withModel } from "./models/with-model.ts";
export { extractJson } from "./schema/extract-json.ts";
export { withoutProto } from "./schema/without-proto.ts";
export { streamText } from "./stream/text-stream.ts";
export { MAX_TIMER_MS } from "./time/timer.ts";
