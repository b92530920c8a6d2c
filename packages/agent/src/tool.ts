import {
  ConfigurationError,
  type InferOutput,
  type OutputSchema,
  type WithLLM,
} from "@lambdallm/core";
import {
  check,
  type NormalizedSchema,
  schemaOf,
  validateOptions,
} from "@lambdallm/core/feature";
import { ownName } from "./own-name.ts";
import type { SubAgent } from "./sub-agent.ts";

/** What each context that calls models has, also that of a durable function. */
export type ToolContext = WithLLM<true>;

/** What a tool is told beside its input. */
export interface ToolRun<Context extends object = ToolContext> {
  /** Aborts when the time of the tool, or of the run, is over. */
  readonly signal: AbortSignal;
  /** Stays the same when the call runs again after a kill: the idempotency key for services that take one. */
  readonly key: string;
  /** What the agent was run with. */
  readonly context: Context;
  /** The id that the model has given the call. */
  readonly toolUseId: string;
  /** The agent that calls. */
  readonly agent: { readonly name: string; readonly runId: string };
}

/** Whether somebody has to approve of a call before it runs. */
export type NeedsApproval<Input> =
  | boolean
  | ((input: Input) => boolean | Promise<boolean>);

export interface ToolOptions<
  Schema extends OutputSchema,
  Context extends object,
> {
  /** 1 to 64 letters, digits, `_` and `-`. */
  readonly name: string;
  /** What it does and when to use it, for the model. */
  readonly description: string;
  /**
   * JSON Schema, the shorthand `{ field: "string" }`, or a Standard Schema that offers its JSON Schema; of an object.
   *
   * @default no input
   */
  readonly input?: Schema | undefined;
  /** In milliseconds; then the call ends with an error that the model is told. @default 60_000 */
  readonly timeoutMs?: number | undefined;
  /** Asked once for each call, and recorded. @default false */
  readonly needsApproval?: NeedsApproval<InferOutput<Schema>> | undefined;
  /**
   * Does the work. Whatever it returns becomes text, JSON or a file for the model; what it throws is told as an error, with
   * its name and message.
   */
  run(
    input: InferOutput<Schema>,
    run: ToolRun<Context>,
  ): unknown | Promise<unknown>;
}

/** A tool that an agent can use; made by `tool()` or `agent.asTool()`. */
export interface AgentTool {
  readonly name: string;
  readonly description: string;
  readonly schema: NormalizedSchema;
  readonly needsApproval: NeedsApproval<unknown>;
  readonly work: ToolWork;
}

export type ToolWork =
  | {
      readonly kind: "function";
      readonly timeoutMs: number;
      readonly run: (input: unknown, run: ToolRun<object>) => unknown;
    }
  | { readonly kind: "agent"; readonly agent: SubAgent };

/** Also of agents: they are tools of other agents. */
export const nameCheck = check.matching(
  /^[a-zA-Z0-9_-]{1,64}$/,
  "1 to 64 letters, digits, _ and -",
);

const DEFAULT_TIMEOUT_MS = 60_000;

export const approvalCheck = (value: unknown) =>
  typeof value === "boolean" || typeof value === "function"
    ? undefined
    : "true, false or a function of the input";

const checks = {
  name: nameCheck,
  description: check.text,
  // Judged by schemaOf, which says more.
  input: () => undefined,
  timeoutMs: check.positiveInteger,
  needsApproval: approvalCheck,
  run: check.function,
};

const NO_INPUT: NormalizedSchema = {
  json: { type: "object", properties: {} },
};

/** What `tool` takes for no input. */
export type NoInput = {
  readonly type: "object";
  readonly properties: Record<never, never>;
};

/**
 * A tool for agents. The model's input is validated before it runs; input that is wrong goes back to the model.
 *
 * @throws {ConfigurationError} naming what is wrong: the name, a blank description, a schema that is none of an object.
 * @example
 * const weather = tool({
 *   name: "weather",
 *   description: "The weather of a city today.",
 *   input: { city: "string" },
 *   run: async ({ city }, { signal }) => (await fetch(urlOf(city), { signal })).json(),
 * });
 */
export function tool<
  const Schema extends OutputSchema = NoInput,
  Context extends object = ToolContext,
>(options: ToolOptions<Schema, Context>): AgentTool {
  const owner = ownName("tool", options);
  validateOptions(owner, checks, options, ["name", "description", "run"]);
  const { name, description, input } = options;
  const { timeoutMs = DEFAULT_TIMEOUT_MS, needsApproval = false } = options;
  return {
    name,
    description,
    schema: input === undefined ? NO_INPUT : objectSchema(owner, input),
    // Both get what the schema has let pass, and the context that the agent is run with.
    needsApproval: needsApproval as NeedsApproval<unknown>,
    work: {
      kind: "function",
      timeoutMs,
      run: (value, run) =>
        options.run(value as InferOutput<Schema>, run as ToolRun<Context>),
    },
  };
}

function objectSchema(owner: string, input: OutputSchema): NormalizedSchema {
  const schema = schemaOf(owner, "input", input);
  const { type = "object" } = schema.json;
  if (type !== "object")
    throw new ConfigurationError(
      `${owner}: the input must be the schema of an object, as models call tools with named arguments.`,
    );
  return schema;
}

export const toolCheck = (value: unknown): string | undefined =>
  Array.isArray(value) &&
  value.every(
    (one) => typeof Object(Reflect.get(Object(one), "work")).kind === "string",
  )
    ? undefined
    : "an array of what tool() and agent.asTool() return";
