export { Chain, chain } from "./chain.ts";
export { ChainStream } from "./chain-stream.ts";
export type {
  ChainContext,
  ChainOptions,
  ChainSettings,
  ChainStart,
  RunOptions,
} from "./chain-types.ts";
export type {
  ChainResult,
  CompletedChain,
  StepResult,
  StepStatus,
  UnfinishedChain,
} from "./result.ts";
export type { StepEvent, TimeoutStrategy } from "./run-types.ts";
export { Step } from "./step.ts";
export type {
  FuncInput,
  FuncStepOptions,
  PromptStepOptions,
  StepInput,
} from "./step-types.ts";
