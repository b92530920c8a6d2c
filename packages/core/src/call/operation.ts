import type {
  ModelRequest,
  ModelResponse,
  Provider,
  Usage,
} from "../contract/model-call.ts";
import type { Totals } from "./totals.ts";

/** The run of a program that an operation belongs to. */
export interface RunInfo {
  readonly id: string;
  /** It outlives the invocation: what does not come to its end here goes on in another one. */
  readonly isResumable: boolean;
}

interface Common {
  /** What it is a part of; set by the invocation. */
  readonly parent?: Operation | undefined;
}

interface OfProgram extends Common {
  readonly name: string;
  readonly run: RunInfo;
}

/** The run of a chain, as far as it takes place in this invocation. */
export interface ChainOperation extends OfProgram {
  readonly kind: "chain";
}

/** The run of an agent, as far as it takes place in this invocation. */
export interface AgentOperation extends OfProgram {
  readonly kind: "agent";
  /** The model that it asks; undefined when its rules may ask others. */
  readonly model: string | undefined;
  /** Of the conversation that the run is a turn of. */
  readonly conversationId?: string | undefined;
  /** Whether its answer is a value of a schema. */
  readonly hasSchema: boolean;
}

/** A tool's own work: a call that was refused, or is recorded already, is none. */
export interface ToolOperation extends OfProgram {
  readonly kind: "tool";
  readonly toolUseId: string;
  readonly description: string;
  /** The agent that calls it. */
  readonly agent: string;
  /** As the model has written it. */
  readonly input: unknown;
}

/** The work of a step of a journal; one that is recorded already makes none. */
export interface StepOperation extends OfProgram {
  readonly kind: "step";
  /** Where in the run it is, the same when the step runs again. */
  readonly position: string;
  /** How often it was started, in all invocations, from 1. */
  readonly start: number;
  /** Counts the retries that its options ask for, from 1. */
  readonly attempt: number;
}

/** What the attempts of a call have used. */
export type CallTotals = Readonly<
  Pick<Totals, "attempts" | "failedAttempts" | "usage" | "totalCostUsd">
>;

/** A model call with all its attempts. */
export interface CallOperation extends Common {
  readonly kind: "call";
  readonly callId: number;
  readonly request: ModelRequest;
  /** What its attempts are made with. */
  readonly provider: Provider;
  /** Of its attempts so far, those that failed included. */
  readonly totals: CallTotals;
}

/** One request of a model call to the provider. */
export interface AttemptOperation extends Common {
  readonly kind: "attempt";
  readonly callId: number;
  readonly attempt: number;
  readonly request: ModelRequest;
}

export type ProgramOperation =
  | ChainOperation
  | AgentOperation
  | ToolOperation
  | StepOperation;

/** What takes place in an invocation, and what others can be a part of. */
export type Operation = ProgramOperation | CallOperation | AttemptOperation;

/** What an operation of each kind has come to. */
export interface OperationResults {
  readonly chain: { readonly status: string };
  readonly agent: {
    readonly status: string;
    readonly iterations: number;
    readonly toolCalls: number;
    /** Of its own model calls, in all invocations. */
    readonly usage: Usage;
    readonly answer: string;
  };
  readonly tool: {
    readonly status: "success" | "error";
    readonly content: readonly unknown[];
  };
  readonly step: undefined;
  readonly call: ModelResponse;
  readonly attempt: ModelResponse;
}

/** `suspended`: it goes on when its run is resumed. */
export type OperationOutcome<
  Kind extends Operation["kind"] = Operation["kind"],
> =
  | { readonly status: "completed"; readonly result: OperationResults[Kind] }
  | {
      readonly status: "failed";
      readonly error: unknown;
      /** What there is all the same, such as what the model is told of a tool that has failed. */
      readonly result?: OperationResults[Kind];
    }
  | { readonly status: "suspended" };

/** The nearest one of a kind around an operation, itself included. */
export function enclosing<Kind extends Operation["kind"]>(
  operation: Operation | undefined,
  kind: Kind,
): Extract<Operation, { readonly kind: Kind }> | undefined {
  for (let one = operation; one !== undefined; one = one.parent)
    // Its kind says which of them it is.
    if (one.kind === kind)
      return one as Extract<Operation, { readonly kind: Kind }>;
  return undefined;
}

/**
 * Whether all of it may have happened in an earlier invocation: then it runs again without doing anything. What is in a step does
 * something.
 */
export function mayBeReplay(operation: Operation): boolean {
  return (
    "run" in operation &&
    operation.kind !== "step" &&
    operation.run.isResumable &&
    enclosing(operation.parent, "step") === undefined
  );
}
