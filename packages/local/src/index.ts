export type { Fault, Faults } from "./bedrock/fault.ts";
export type {
  LocalBedrock,
  StartBedrockOptions,
} from "./bedrock/local-bedrock.ts";
export type { Quota } from "./bedrock/quota.ts";
export {
  SERVICE_ERRORS,
  ServiceError,
  type ServiceErrorExtra,
  type ServiceErrorName,
  type ServiceErrorOptions,
} from "./bedrock/service-error.ts";
export { startBedrock } from "./bedrock/start-bedrock.ts";
export type {
  BedrockRequest,
  InferenceConfig,
  Operation,
  OutputConfig,
  RecordedRequest,
  Reply,
  ReplyObject,
  ReplyUsage,
  RequestEnd,
  Responder,
  StreamEvent,
  ToolConfig,
} from "./bedrock/types.ts";
export type {
  DurableEvent,
  DurableInvocation,
  DurableInvoke,
  DurableInvokeOptions,
  DurableResult,
  LocalExecution,
} from "./durable/execution.ts";
export type { DurableCallback, DurableLimits } from "./durable/ledger.ts";
export type {
  DurableError,
  DurableOperation,
  DurableOperationStatus,
  DurableOperationType,
} from "./durable/operation.ts";
export {
  type LocalDurable,
  type StartDurableOptions,
  startDurable,
} from "./durable/start-durable.ts";
export {
  type Awslambda,
  installAwslambda,
  type LambdaResponseStream,
  type ResponsePrelude,
} from "./function-url/awslambda.ts";
export type { Authorizer, LambdaHandler } from "./function-url/invocation.ts";
export {
  type LocalFunctionUrl,
  type ServedRequest,
  type StartFunctionUrlOptions,
  startFunctionUrl,
} from "./function-url/start-function-url.ts";
export { defaultResponder } from "./responder/responder.ts";
