import type {
  CallFacts,
  CallTotals,
  Invocation,
  ModelRequest,
  OperationOutcome,
  ProgramOperation,
  Provider,
  ProviderResponse,
} from "@lambdallm/core/feature";
import type { Context as LambdaContext } from "aws-lambda";

/** A model call that has ended, with all its attempts. */
export interface EndedCall {
  readonly callId: number;
  /** Who was asked. */
  readonly provider: Provider;
  readonly request: ModelRequest;
  /** The whole answer, or what had arrived before the failure. */
  readonly response: ProviderResponse | undefined;
  /** The code of its error; undefined when it was answered, or waits with its run. */
  readonly errorType: string | undefined;
  readonly totals: CallTotals;
  readonly durationMs: number;
  readonly facts: CallFacts;
  /** The model that answered or failed last. */
  readonly model: string;
  readonly throttles: number;
  readonly retries: number;
  readonly fallbacks: number;
}

/** A part of a program that has ended in this invocation. */
export interface EndedOperation {
  readonly operation: ProgramOperation;
  readonly outcome: OperationOutcome;
  readonly durationMs: number;
  readonly facts: CallFacts;
}

/** Something that is only counted. */
export type Occurrence = "RunsResumed" | "RunsSuspended" | "BudgetRefusals";

/** What the figures of one invocation are recorded in. */
export interface Recorder {
  readonly call: (ended: EndedCall) => void;
  readonly operation: (ended: EndedOperation) => void;
  readonly occurrence?: (name: Occurrence) => void;
  readonly flush?: () => unknown;
}

/** What a recorder may look at. */
export interface Surroundings {
  readonly invocation: Invocation;
  readonly event: unknown;
  readonly context: LambdaContext;
}

/** Where figures go. */
export type Sink = (surroundings: Surroundings) => Recorder;
