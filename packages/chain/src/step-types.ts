import type {
  InferOutput,
  LLMContext,
  OutputSchema,
  Prompt,
  Retry,
  StepInfo,
  WithLLM,
} from "@lambdallm/core";
import type { OrSkipped } from "./shapes.ts";

/** A prompt of any variables. */
export type AnyPrompt = Prompt<never>;

/** What a step is given. */
export interface StepInput<
  Outputs extends object = Readonly<Record<string, unknown>>,
  Variables extends object = Readonly<Record<string, unknown>>,
> {
  /** What the chain was run with. */
  readonly variables: Variables;
  /** What the steps have given that this one waits for; undefined of one that was skipped. */
  readonly outputs: Outputs;
}

export interface FuncInput<
  Outputs extends object = Readonly<Record<string, unknown>>,
  Variables extends object = Readonly<Record<string, unknown>>,
> extends StepInput<Outputs, Variables> {
  /**
   * The handler's context. The calls of its model functions count for the chain's budget, and end when its time or its signal
   * does. In durable mode they are at `context.llm` alone.
   */
  readonly context: WithLLM;
  readonly llm: LLMContext;
  readonly info: StepInfo;
}

/** What all steps can have. */
export interface CommonOptions<
  Name extends string = string,
  Needs extends string = string,
> {
  /** Its own in the chain, and what `{name.output}` stands for: no spaces, dots, braces or other punctuation. */
  readonly name: Name;
  /**
   * The steps that this one waits for, beside those that its prompt refers to.
   * @default for a `func` or with a `condition` all before it, else none
   */
  readonly needs?: readonly Needs[] | undefined;
  /** How often it is tried again when it failed for a moment (`retryable`). @default 0 */
  readonly retries?: number | undefined;
  /** In place of `retries`: decides by the error. */
  readonly retry?: Retry | undefined;
}

/** Settings of a step that asks a model. */
export interface ModelOptions {
  /** @default the prompt's, else the provider middleware's */
  readonly model?: string | undefined;
  /** @default the prompt's, else the provider middleware's */
  readonly maxTokens?: number | undefined;
  /** @default the prompt's, else the provider middleware's */
  readonly temperature?: number | undefined;
}

export interface PromptStepOptions<
  Name extends string = string,
  Source extends string | AnyPrompt = string | AnyPrompt,
  Schema extends OutputSchema | undefined = OutputSchema | undefined,
  Decision extends boolean = boolean,
  Needs extends string = string,
  Input = StepInput,
> extends CommonOptions<Name, Needs>,
    ModelOptions {
  /**
   * A template or a `Prompt`: `{variable}`, `{step.output}`, `{step.output.field}`. Values are inserted once and literally; what
   * a step that was skipped has left is nothing.
   */
  readonly prompt: Source;
  /** With it the output is a validated value in place of text. @default the prompt's */
  readonly outputSchema?: Schema | undefined;
  /** Whether the step is to run; it may depend on its input alone, and not on the clock or on chance. @default always */
  readonly condition?: ((input: Input) => Decision) | undefined;
  readonly func?: undefined;
}

export interface FuncStepOptions<
  Name extends string = string,
  Result = unknown,
  Decision extends boolean = boolean,
  Needs extends string = string,
  Input = FuncInput,
> extends CommonOptions<Name, Needs> {
  /** Any work. What it returns passes through JSON. */
  readonly func: (input: Input) => Result;
  /** Whether the step is to run; it may depend on its input alone, and not on the clock or on chance. @default always */
  readonly condition?: ((input: Input) => Decision) | undefined;
  readonly prompt?: undefined;
}

export type ConditionOf<Input = StepInput> = (input: Input) => boolean;

/** What a step that asks a model gives. */
export type PromptOutput<Source, Schema> = [Schema] extends [undefined]
  ? Source extends Prompt<never, infer Result>
    ? Result
    : string
  : InferOutput<Schema>;

/** A step of a chain. It does not change. */
export interface Step<
  Name extends string = string,
  Output = unknown,
  Source = unknown,
  Needs extends string = string,
> extends ModelOptions {
  readonly name: Name;
  readonly prompt: string | AnyPrompt | undefined;
  readonly func: ((input: FuncInput) => unknown) | undefined;
  readonly needs: readonly Needs[] | undefined;
  readonly outputSchema: OutputSchema | undefined;
  readonly condition: ConditionOf | undefined;
  readonly retries: number;
  readonly retry: Retry | undefined;
  /** For the compiler only. */
  readonly "~types"?: { readonly output: Output; readonly source: Source };
}

export interface StepConstructor {
  /**
   * @throws {ConfigurationError} naming the option that does not exist, has a wrong value, or does not go with another one.
   * @example
   * new Step({ name: "title", prompt: "A title for: {summary.output}", outputSchema: { title: "string" } })
   */
  new <
    const Name extends string,
    const Source extends string | AnyPrompt,
    const Schema extends OutputSchema | undefined = undefined,
    Decision extends boolean = never,
    const Needs extends string = never,
  >(
    options: PromptStepOptions<Name, Source, Schema, Decision, Needs>,
  ): Step<
    Name,
    OrSkipped<PromptOutput<Source, Schema>, Decision>,
    Source,
    Needs
  >;
  new <
    const Name extends string,
    Result,
    Decision extends boolean = never,
    const Needs extends string = never,
  >(
    options: FuncStepOptions<Name, Result, Decision, Needs>,
  ): Step<Name, OrSkipped<Awaited<Result>, Decision>, undefined, Needs>;
  readonly prototype: Step;
}
