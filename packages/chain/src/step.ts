import {
  ConfigurationError,
  type OutputSchema,
  type Retry,
} from "@lambdallm/core";
import {
  callOptionChecks,
  check,
  schemaOf,
  validateOptions,
} from "@lambdallm/core/feature";
import type {
  AnyPrompt,
  ConditionOf,
  FuncInput,
  FuncStepOptions,
  PromptStepOptions,
  StepConstructor,
  Step as StepOf,
} from "./step-types.ts";

const checks = {
  name: check.text,
  prompt: (value: unknown) =>
    (typeof value === "string" && value.trim() !== "") || isPrompt(value)
      ? undefined
      : "a non-empty string or a Prompt",
  func: check.function,
  needs: check.texts,
  model: callOptionChecks.model,
  maxTokens: callOptionChecks.maxTokens,
  temperature: callOptionChecks.temperature,
  // A schema of arktype is a function; toJsonSchema says what else is wrong.
  outputSchema: () => undefined,
  condition: check.function,
  retries: check.wholeNumber,
  retry: check.function,
};

const MODEL_OPTIONS = [
  "model",
  "maxTokens",
  "temperature",
  "outputSchema",
] as const;

/** What a template can refer to: one name of a variable, see core's template. */
const NAME = /^(?![0-9-])[^ \n\t\r{}"'`:,;()[\]<>/\\|=+*&%#@!?~^$.]+$/;

export function isPrompt(value: unknown): value is AnyPrompt {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "template") === "string" &&
    typeof Reflect.get(value, "invoke") === "function"
  );
}

type AnyOptions = Omit<PromptStepOptions, "prompt" | "func"> & {
  readonly prompt?: PromptStepOptions["prompt"] | undefined;
  readonly func?: FuncStepOptions["func"] | undefined;
};

class StepDefinition implements StepOf {
  readonly name: string;
  readonly prompt: string | AnyPrompt | undefined;
  readonly func: ((input: FuncInput) => unknown) | undefined;
  readonly needs: readonly string[] | undefined;
  readonly model: string | undefined;
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly outputSchema: OutputSchema | undefined;
  readonly condition: ConditionOf | undefined;
  readonly retries: number;
  readonly retry: Retry | undefined;

  constructor(options: AnyOptions) {
    validateOptions("Step", checks, options, ["name"]);
    const { name, prompt, func, needs, retry, retries } = options;
    const owner = `Step "${name}"`;
    if (!NAME.test(name))
      throw new ConfigurationError(
        `${owner}: a name is what templates refer to, so it has no spaces, dots, braces or other punctuation, and begins with a letter.`,
      );
    if ((prompt === undefined) === (func === undefined))
      throw new ConfigurationError(
        `${owner}: give either a "prompt" or a "func".`,
      );
    if (retry !== undefined && retries !== undefined)
      throw new ConfigurationError(
        `${owner}: give either "retries" or "retry".`,
      );
    if (func !== undefined)
      for (const option of MODEL_OPTIONS)
        if (options[option] !== undefined)
          throw new ConfigurationError(
            `${owner}: the option "${option}" is for a step with a "prompt".`,
          );
    const { outputSchema = promptSchema(prompt) } = options;
    if (outputSchema !== undefined)
      schemaOf(owner, "outputSchema", outputSchema);
    this.name = name;
    this.prompt = prompt;
    this.func = func;
    this.needs = needs && [...needs];
    this.model = options.model;
    this.maxTokens = options.maxTokens;
    this.temperature = options.temperature;
    this.outputSchema = outputSchema;
    // validateOptions has seen that it is a function.
    this.condition = options.condition as ConditionOf | undefined;
    this.retries = retries ?? 0;
    this.retry = retry;
    Object.freeze(this);
  }
}

export function isStep(value: unknown): value is StepOf {
  return value instanceof StepDefinition;
}

function promptSchema(
  prompt: string | AnyPrompt | undefined,
): OutputSchema | undefined {
  return typeof prompt === "object" ? prompt.outputSchema : undefined;
}

export type Step<
  Name extends string = string,
  Output = unknown,
  Source = unknown,
  Needs extends string = string,
> = StepOf<Name, Output, Source, Needs>;

/** Its construct signatures infer the types that a step has; those of a class cannot be computed from its options. */
export const Step: StepConstructor = StepDefinition as StepConstructor;
Object.defineProperty(Step, "name", { value: "Step" });
