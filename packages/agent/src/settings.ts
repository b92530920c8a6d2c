import {
  type CallOptions,
  ConfigurationError,
  type Message,
  type OutputSchema,
} from "@lambdallm/core";
import {
  callOptionChecks,
  check,
  schemaOf,
  validateOptions,
} from "@lambdallm/core/feature";
import type { CachePointOptions } from "./cache-points.ts";
import { READ_RESULT } from "./large-results.ts";
import { ownName } from "./own-name.ts";
import { type AgentTool, nameCheck, toolCheck } from "./tool.ts";
import type { AgentStep, OnApproval } from "./types.ts";

/** What `prepareStep` is told. */
export interface StepPreparation {
  /** Of the answer that comes next, from 1. */
  readonly iteration: number;
  readonly steps: readonly AgentStep[];
  /** What would be sent: the history, the question, and what has happened since. */
  readonly messages: readonly Message[];
}

/** What `prepareStep` changes of one step. */
export interface PreparedStep {
  readonly model?: string | undefined;
  /** The names of the tools that the model is offered. */
  readonly tools?: readonly string[] | undefined;
  /** Sent in place of those so far, in this step only. */
  readonly messages?: readonly Message[] | undefined;
}

export type PrepareStep = (
  step: StepPreparation,
) => PreparedStep | undefined | Promise<PreparedStep | undefined>;

export interface AgentOptions<
  Schema extends OutputSchema | undefined = OutputSchema | undefined,
> extends Pick<
    CallOptions,
    | "model"
    | "maxTokens"
    | "temperature"
    | "topP"
    | "stopSequences"
    | "bedrock"
    | "tags"
  > {
  /** 1 to 64 letters, digits, `_` and `-`. */
  readonly name: string;
  /** @default that of the provider middleware */
  readonly systemPrompt?: string | undefined;
  /** @default none */
  readonly tools?: readonly AgentTool[] | undefined;
  /** How often the model may answer, without the last answer that a limit asks for. @default 10 */
  readonly maxIterations?: number | undefined;
  /** How many tool calls are made, those of agents that are tools included. @default no limit */
  readonly maxToolCalls?: number | undefined;
  /**
   * USD for the model calls of a run, those of its tools included. Each call is made only when its estimate fits, with fewer
   * `maxTokens` if need be. @default no limit
   */
  readonly maxCostUsd?: number | undefined;
  /**
   * How much time before Lambda's timeout the last answer is asked for, in milliseconds; at most half of what there is. Where
   * the run can be resumed it is suspended at the end of the time instead. @default 30_000
   */
  readonly timeoutBufferMs?: number | undefined;
  /**
   * How often a model call is tried again that failed for a moment (`error.retryable`), after whatever a retry layer has tried. A
   * failure is recorded: without it, a run that is resumed ends with the same one.
   * @default 2 where the run can be resumed, which waits outside of the process, else 0
   */
  readonly retries?: number | undefined;
  /** Asked after each step with tools; true ends the run. */
  readonly stopWhen?:
    | ((steps: readonly AgentStep[]) => boolean | Promise<boolean>)
    | undefined;
  /** The name of a tool, or several, after whose success the run ends. */
  readonly stopAfterTool?: string | readonly string[] | undefined;
  /** Changes the model, the tools or the messages of a step. Called once for each, and recorded. */
  readonly prepareStep?: PrepareStep | undefined;
  /** How many tool calls of one answer run at the same time. @default 5 */
  readonly concurrency?: number | undefined;
  /**
   * Marks what the next call can read from the model's cache, on models that need that; `ttl` is how long tools and system
   * prompt are kept. False turns it off. @default true
   */
  readonly cache?: boolean | CachePointOptions | undefined;
  /** How many results of tools are sent, counted from the end; a note stands in place of older ones. @default all */
  readonly keepToolResults?: number | undefined;
  /**
   * Of a longer result the model gets the beginning, and the tool `read_result` to read on. As `estimateTokens` counts.
   * @default 25_000
   */
  readonly maxResultTokens?: number | undefined;
  /** Makes the result's `object`: one more call turns the answer into a validated value. */
  readonly outputSchema?: Schema | undefined;
  /** Passes the questions for approval on, to whoever answers. */
  readonly onApproval?: OnApproval | undefined;
  /** How long a call waits for approval, in milliseconds; then it is not made. @default no limit */
  readonly approvalTimeoutMs?: number | undefined;
}

const textOrTexts = (value: unknown) =>
  typeof value === "string" || check.texts(value) === undefined
    ? undefined
    : "a name or an array of names";

const ttlCheck = check.oneOf("5m", "1h");
const booleanOrTtl = (value: unknown) =>
  typeof value === "boolean" || ttlCheck(Object(value).ttl) === undefined
    ? undefined
    : 'true, false or { ttl: "5m" | "1h" }';

const checks = {
  ...callOptionChecks,
  name: nameCheck,
  systemPrompt: check.string,
  tools: toolCheck,
  maxIterations: check.positiveInteger,
  retries: check.wholeNumber,
  maxToolCalls: check.wholeNumber,
  maxCostUsd: check.atLeastZero,
  timeoutBufferMs: check.wholeNumber,
  stopWhen: check.function,
  stopAfterTool: textOrTexts,
  prepareStep: check.function,
  concurrency: check.positiveInteger,
  cache: booleanOrTtl,
  keepToolResults: check.wholeNumber,
  maxResultTokens: check.positiveInteger,
  // Judged by schemaOf, which says more.
  outputSchema: () => undefined,
  onApproval: check.function,
  approvalTimeoutMs: check.positiveInteger,
};
const { system: _, ...agentChecks } = checks;

/** An agent's options with their defaults. */
export interface AgentSettings {
  readonly name: string;
  readonly call: Omit<CallOptions, "signal" | "onResponse">;
  readonly tools: ReadonlyMap<string, AgentTool>;
  readonly maxIterations: number;
  readonly retries: number | undefined;
  readonly maxToolCalls: number;
  readonly maxCostUsd: number;
  readonly timeoutBufferMs: number;
  readonly stopWhen: AgentOptions["stopWhen"];
  readonly stopAfterTool: readonly string[];
  readonly prepareStep: PrepareStep | undefined;
  readonly concurrency: number;
  /** Undefined: no cache points. */
  readonly cache: CachePointOptions | undefined;
  readonly keepToolResults: number | undefined;
  readonly maxResultTokens: number;
  readonly outputSchema: OutputSchema | undefined;
  readonly onApproval: OnApproval | undefined;
  readonly approvalTimeoutMs: number | undefined;
}

/** @throws {ConfigurationError} naming the option that is missing, unknown or wrong. */
export function agentSettings(options: AgentOptions): AgentSettings {
  const owner = ownName("Agent", options);
  validateOptions(owner, agentChecks, options, ["name"]);
  const { name, outputSchema, stopWhen, prepareStep, onApproval } = options;
  const { stopAfterTool = [], approvalTimeoutMs } = options;
  const tools = toolsByName(owner, options.tools ?? []);
  const stopNames = [stopAfterTool].flat();
  checkNames(owner, "stopAfterTool", stopNames, tools);
  if (outputSchema !== undefined) schemaOf(owner, "outputSchema", outputSchema);
  return {
    name,
    call: callOptions(options),
    tools,
    maxIterations: options.maxIterations ?? 10,
    retries: options.retries,
    maxToolCalls: options.maxToolCalls ?? Number.POSITIVE_INFINITY,
    maxCostUsd: options.maxCostUsd ?? Number.POSITIVE_INFINITY,
    timeoutBufferMs: options.timeoutBufferMs ?? 30_000,
    stopWhen,
    stopAfterTool: stopNames,
    prepareStep,
    concurrency: options.concurrency ?? 5,
    cache: cacheOf(options.cache),
    keepToolResults: options.keepToolResults,
    maxResultTokens: options.maxResultTokens ?? 25_000,
    outputSchema,
    onApproval,
    approvalTimeoutMs,
  };
}

function cacheOf(
  cache: AgentOptions["cache"] = true,
): CachePointOptions | undefined {
  if (cache === false) return undefined;
  return cache === true ? {} : cache;
}

function callOptions(options: AgentOptions): AgentSettings["call"] {
  const { systemPrompt: system, model, maxTokens, temperature } = options;
  const { topP, stopSequences, bedrock, tags } = options;
  const sampling = { maxTokens, temperature, topP, stopSequences };
  return { ...sampling, system, model, bedrock, tags };
}

function toolsByName(
  owner: string,
  tools: readonly AgentTool[],
): ReadonlyMap<string, AgentTool> {
  const byName = new Map<string, AgentTool>();
  for (const tool of tools) {
    if (byName.has(tool.name))
      throw new ConfigurationError(
        `${owner}: two of its tools are called "${tool.name}".`,
      );
    if (tool.name === READ_RESULT)
      throw new ConfigurationError(
        `${owner}: the name "${READ_RESULT}" is that of a tool which every agent has.`,
      );
    byName.set(tool.name, tool);
  }
  return byName;
}

/** @throws {ConfigurationError} for the name of a tool that the agent does not have. */
export function checkNames(
  owner: string,
  option: string,
  names: readonly string[],
  tools: ReadonlyMap<string, unknown>,
): void {
  const unknown = names.find((name) => !tools.has(name));
  if (unknown !== undefined)
    throw new ConfigurationError(
      `${owner}: ${option} names the tool "${unknown}", which it does not have. Its tools: ${[...tools.keys()].join(", ") || "none"}.`,
    );
}
