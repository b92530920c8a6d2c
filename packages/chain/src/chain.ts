import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  invocationOf,
  isObject,
  journalOf,
  validateOptions,
} from "@lambdallm/core/feature";
import { isInMemory } from "@lambdallm/core/stores";
import { Budget } from "./budget.ts";
import { ChainStream } from "./chain-stream.ts";
import type {
  ChainConstructor,
  ChainContext,
  Chain as ChainOf,
  ChainOptions,
  ChainSettings,
  ChainStart,
  RunOptions,
} from "./chain-types.ts";
import { graphOf, type Node } from "./graph.ts";
import { LastText } from "./last-text.ts";
import { mermaidOf } from "./mermaid.ts";
import { type ChainResult, outcomeOf } from "./result.ts";
import { runChain } from "./run.ts";
import type { Run } from "./run-types.ts";
import { isStep, Step } from "./step.ts";
import { checkVariables } from "./values.ts";

const settingChecks = {
  timeoutStrategy: check.oneOf("fail-fast", "truncate", "checkpoint"),
  maxTotalCostUsd: check.atLeastZero,
  concurrency: check.positiveInteger,
};

const checks = {
  name: check.text,
  steps: (value: unknown) =>
    Array.isArray(value) && value.length > 0 && value.every(isStep)
      ? undefined
      : "an array of at least one Step",
  ...settingChecks,
};

const runChecks = {
  journal: check.object,
  signal: check.signal,
};

/** The part of a run that the ways to run a chain differ in. */
type Watch = Pick<Run, "onStep" | "text">;

class ChainDefinition implements ChainOf {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly #settings: ChainSettings;
  readonly #nodes: readonly Node[];

  constructor(options: ChainOptions) {
    validateOptions("Chain", checks, options, ["name", "steps"]);
    const { name, steps, ...settings } = options;
    this.name = name;
    this.steps = Object.freeze([...steps]);
    this.#settings = settings;
    this.#nodes = graphOf(name, this.steps);
    Object.freeze(this);
  }

  async run(
    context: ChainContext,
    variables: object = {},
    options: RunOptions = {},
  ): Promise<ChainResult> {
    return this.#run(context, variables, options, {
      onStep: undefined,
      text: undefined,
    });
  }

  stream(
    context: ChainContext,
    variables: object = {},
    options: RunOptions = {},
  ): ChainStream {
    return new ChainStream(async (show, own) => {
      const { signal } = options;
      return this.#run(
        context,
        variables,
        { ...options, signal: signal ? AbortSignal.any([signal, own]) : own },
        { onStep: show, text: new LastText(show) },
      );
    });
  }

  getStep(name: string): Step {
    // Its types say that there may be none where the name is not known.
    return this.steps.find((step) => step.name === name) as Step;
  }

  toMermaid(): string {
    return mermaidOf(this.#nodes);
  }

  step(options: never): never {
    const { name, steps } = this;
    // The types of the step and of the longer chain follow from the options, as its interface says.
    return new ChainDefinition({
      ...this.#settings,
      name,
      steps: [...steps, new Step(options)],
    }) as never;
  }

  async #run(
    context: ChainContext,
    variables: object,
    options: RunOptions,
    watch: Watch,
  ): Promise<ChainResult> {
    const { name } = this;
    const owner = `Chain "${name}"`;
    const invocation = invocationOf(context, owner);
    validateOptions(`${owner}.run`, runChecks, options);
    if (!isObject(variables))
      throw new ConfigurationError(
        `${owner}: the variables must be an object.`,
      );
    checkVariables(name, this.#nodes, variables);
    const { journal = journalOf(invocation), signal } = options;
    signal?.throwIfAborted();
    const {
      timeoutStrategy = invocation.timeoutStrategy,
      maxTotalCostUsd,
      concurrency = Number.POSITIVE_INFINITY,
    } = this.#settings;
    const run: Run = {
      ...{ chain: name, nodes: this.#nodes, ...watch },
      ...{ journal, invocation, context, variables },
      ...{ strategy: timeoutStrategy, signal, concurrency },
      budget:
        maxTotalCostUsd === undefined
          ? undefined
          : new Budget({
              chain: name,
              limitUsd: maxTotalCostUsd,
              region: invocation.provider.region ?? process.env["AWS_REGION"],
            }),
    };
    return invocation.operations.run(
      {
        kind: "chain",
        name,
        run: { id: journal.runId, isResumable: !isInMemory(journal) },
      },
      () => runChain(run),
      outcomeOf,
    );
  }
}

export type Chain<
  Outputs extends object = Record<string, unknown>,
  Variables extends object = object,
  Final = unknown,
  Declared extends object | undefined = undefined,
> = ChainOf<Outputs, Variables, Final, Declared>;

/** Its construct signature infers the types of the steps' outputs; those of a class cannot be computed from its options. */
export const Chain = ChainDefinition as unknown as ChainConstructor;
Object.defineProperty(Chain, "name", { value: "Chain" });

/**
 * A chain step by step: each one knows the names and the types of what those before it give.
 *
 * @typeParam Variables What the chain is run with. @default what its prompts insert
 * @throws {ConfigurationError} naming the option that is wrong.
 * @example
 * const report = chain("report")
 *   .step({ name: "summary", prompt: "Summarize:\n{text}" })
 *   .step({ name: "title", prompt: "A title for: {summary.output}" });
 */
export function chain<Declared extends object | undefined = undefined>(
  name: string,
  settings: ChainSettings = {},
): ChainStart<Declared> {
  validateOptions("chain", settingChecks, settings);
  return {
    step: (options: never) =>
      new ChainDefinition({ ...settings, name, steps: [new Step(options)] }),
    // Each step says itself what the chain then gives.
  } as unknown as ChainStart<Declared>;
}
