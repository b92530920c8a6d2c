import type { Journal, OutputSchema, WithLLM } from "@lambdallm/core";
import type { ChainStream } from "./chain-stream.ts";
import type { ChainResult } from "./result.ts";
import type { TimeoutStrategy } from "./run-types.ts";
import type {
  CheckedPrompt,
  Flat,
  OrSkipped,
  UsesOf,
  VariablesIn,
} from "./shapes.ts";
import type {
  AnyPrompt,
  FuncInput,
  FuncStepOptions,
  PromptOutput,
  PromptStepOptions,
  Step,
  StepInput,
} from "./step-types.ts";

export interface ChainSettings {
  /**
   * What becomes of a step that the deadline cuts off. `fail-fast`: it fails with the code `INVOCATION_TIMEOUT`. `truncate`: its text so
   * far is its output, and the chain ends with the status `truncated`. `checkpoint`: the run is suspended and goes on when it is
   * resumed.
   * @default the timeout guard's, else "fail-fast"
   */
  readonly timeoutStrategy?: TimeoutStrategy | undefined;
  /**
   * USD. No model call is made that could take the run over it: every call of a step is checked by its upper bound, at the price of the
   * model that it asks for. A model without a known price is an error.
   * @default no limit
   */
  readonly maxTotalCostUsd?: number | undefined;
  /** How many steps run at the same time. @default all that can */
  readonly concurrency?: number | undefined;
}

export interface ChainOptions<Steps extends readonly Step[] = readonly Step[]>
  extends ChainSettings {
  /** Names the run in its journal, in errors and in the tags of its model calls. */
  readonly name: string;
  readonly steps: Steps;
}

export interface RunOptions {
  /** @default the invocation's: that of the checkpoint middleware, else one in memory */
  readonly journal?: Journal | undefined;
  /** Ends the run, which then rejects with its reason. What has been done is recorded. */
  readonly signal?: AbortSignal | undefined;
}

/** What a chain was given of its handler: `context.llm` is there in durable mode, too. */
export type ChainContext = WithLLM<true>;

type RunArguments<Variables extends object> = object extends Variables
  ? [variables?: Variables | undefined, options?: RunOptions]
  : [variables: Variables, options?: RunOptions];

/**
 * Steps that run as soon as what they need is there, each of them once: those that do not depend on each other at the same time. It
 * does not change, and can be run any number of times.
 */
export interface Chain<
  Outputs extends object = Record<string, unknown>,
  Variables extends object = object,
  Final = unknown,
  Declared extends object | undefined = undefined,
> {
  readonly name: string;
  readonly steps: readonly Step[];
  /**
   * Runs the steps, and says how they ended: a step that fails is a result, not an exception.
   *
   * @param context The handler's context.
   * @param variables What the prompts insert, and the functions are given.
   * @throws {ConfigurationError} A variable is missing that a prompt uses; no provider's middleware is in use. Nothing was sent.
   * @throws {Suspended} The run goes on when it is resumed. Let it pass: the checkpoint middleware answers. With a journal in memory it
   * is the status `checkpointed` of the result instead.
   * @throws {JournalMismatchError} The chain had other steps when the run began. Nothing was sent.
   */
  run(
    context: ChainContext,
    ...rest: RunArguments<Variables>
  ): Promise<ChainResult<Outputs, Final>>;
  /**
   * The same, and the text of the last step arrives while it is written. The run starts at once.
   *
   * @throws {ConfigurationError} as `run`.
   */
  stream(
    context: ChainContext,
    ...rest: RunArguments<Variables>
  ): ChainStream<Outputs, Final>;
  /** The step of a name; undefined when there is none. */
  getStep<Name extends keyof Outputs & string>(name: Name): Step;
  getStep(name: string): Step | undefined;
  /** The graph of the steps as a Mermaid flowchart. */
  toMermaid(): string;
  /**
   * A chain with one more step, which knows what those before it give.
   *
   * @throws {ConfigurationError} as `new Step` and `new Chain`.
   */
  step<
    const Name extends string,
    const Source extends string | AnyPrompt,
    const Schema extends OutputSchema | undefined = undefined,
    const Needs extends keyof Outputs & string = keyof Outputs & string,
    Decision extends boolean = never,
  >(
    options: PromptStepOptions<
      Name,
      Source,
      Schema,
      Decision,
      Needs,
      StepInput<Pick<Outputs, Needs>, VariablesOf<Declared>>
    > & {
      readonly prompt: CheckedPrompt<Source, Outputs, Declared>;
    },
  ): Chain<
    Flat<
      Outputs & {
        [Key in Name]: OrSkipped<PromptOutput<Source, Schema>, Decision>;
      }
    >,
    Flat<Variables & VariablesIn<UsesOf<Source>, Outputs>>,
    OrSkipped<PromptOutput<Source, Schema>, Decision>,
    Declared
  >;
  step<
    const Name extends string,
    Result,
    const Needs extends keyof Outputs & string = keyof Outputs & string,
    Decision extends boolean = never,
  >(
    options: FuncStepOptions<
      Name,
      Result,
      Decision,
      Needs,
      FuncInput<Pick<Outputs, Needs>, VariablesOf<Declared>>
    >,
  ): Chain<
    Flat<Outputs & { [Key in Name]: OrSkipped<Awaited<Result>, Decision> }>,
    Variables,
    OrSkipped<Awaited<Result>, Decision>,
    Declared
  >;
}

type VariablesOf<Declared> = Declared extends object
  ? Declared
  : Readonly<Record<string, unknown>>;

/** The beginning of a chain. */
export type ChainStart<Declared extends object | undefined = undefined> = Pick<
  Chain<object, Declared extends object ? Declared : object, never, Declared>,
  "step"
>;

type OutputOf<One> =
  One extends Step<string, infer Output, infer _Source, infer _Needs>
    ? Output
    : unknown;

type SourceOf<One> =
  One extends Step<string, infer _Output, infer Source, infer _Needs>
    ? Source
    : unknown;

/** By name. Nothing is known of an array that is no literal. */
export type OutputsOf<Steps extends readonly Step[]> =
  number extends Steps["length"]
    ? Record<string, unknown>
    : { [One in Steps[number] as One["name"]]: OutputOf<One> };

export type VariablesOfAll<
  Steps extends readonly Step[],
  Outputs,
> = number extends Steps["length"]
  ? object
  : Flat<
      UnionToIntersection<
        Steps[number] extends infer One
          ? One extends Step
            ? VariablesIn<UsesOf<SourceOf<One>>, Outputs>
            : never
          : never
      >
    >;

type UnionToIntersection<Union> = (
  Union extends unknown
    ? (each: Union) => void
    : never
) extends (all: infer All) => void
  ? All
  : never;

export type LastOf<Steps extends readonly Step[]> = Steps extends readonly [
  ...(readonly Step[]),
  infer Last,
]
  ? OutputOf<Last>
  : unknown;

/** The steps themselves where all that they refer to is there, else what the compiler then shows. */
export type CheckedSteps<Steps extends readonly Step[]> =
  number extends Steps["length"]
    ? unknown
    : { readonly [Index in keyof Steps]: CheckedStep<Steps[Index], Steps> };

type CheckedStep<One, Steps extends readonly Step[]> = CheckedPrompt<
  SourceOf<One>,
  OutputsOf<Steps>
> &
  CheckedNeeds<One, OutputsOf<Steps>>;

// In an array the needs of a step that names none are any.
type CheckedNeeds<One, Outputs> =
  One extends Step<string, infer _Output, infer _Source, infer Needs>
    ? string extends Needs
      ? unknown
      : [Needs] extends [keyof Outputs]
        ? unknown
        : { readonly "no step has this name": Exclude<Needs, keyof Outputs> }
    : unknown;

export interface ChainConstructor {
  /**
   * @throws {ConfigurationError} A name is there twice, a reference leads nowhere, steps wait for each other, or an option is wrong.
   * @example
   * const report = new Chain({
   *   name: "report",
   *   steps: [
   *     new Step({ name: "summary", prompt: "Summarize:\n{text}" }),
   *     new Step({ name: "title", prompt: "A title for: {summary.output}" }),
   *   ],
   * });
   * const { status, outputs } = await report.run(context, { text });
   */
  new <const Steps extends readonly Step[]>(
    options: ChainOptions<Steps> & { readonly steps: CheckedSteps<Steps> },
  ): Chain<
    OutputsOf<Steps>,
    VariablesOfAll<Steps, OutputsOf<Steps>>,
    LastOf<Steps>
  >;
  readonly prototype: Chain;
}
