import {
  ConfigurationError,
  type ContentBlock,
  type InferOutput,
  type Journal,
  type Message,
  type OutputSchema,
  StepFailure,
  Suspended,
} from "@lambdallm/core";
import {
  type AgentOperation,
  check,
  checkMessages,
  type Invocation,
  invocationOf,
  sumOfUsd,
  toJsonSchema,
  validateOptions,
} from "@lambdallm/core/feature";
import { isInMemory, memoryJournal } from "@lambdallm/core/stores";
import { AgentStream } from "./agent-stream.ts";
import { historyOf, store } from "./conversation.ts";
import { ended } from "./limits.ts";
import { AgentLoop } from "./loop.ts";
import { outcomeOf, replyOf, resultOf } from "./outcome.ts";
import {
  type AgentOptions,
  type AgentSettings,
  agentSettings,
} from "./settings.ts";
import type { Share, SubAgentReply, Surroundings } from "./sub-agent.ts";
import {
  type AgentTool,
  approvalCheck,
  type NeedsApproval,
  nameCheck,
} from "./tool.ts";
import type {
  AgentQuery,
  AgentResult,
  Conversation,
  OnApproval,
  ToolReply,
} from "./types.ts";

/** Settings of one run. */
export interface RunOptions {
  /** The conversation that the run is a turn of: its history is read, and what happens is stored. @default none */
  readonly session?: Conversation | undefined;
  /** What makes each step run once. @default that of the checkpoint middleware, else one in memory */
  readonly journal?: Journal | undefined;
  /** Ends the run. */
  readonly signal?: AbortSignal | undefined;
  /** @default that of the agent */
  readonly onApproval?: OnApproval | undefined;
}

/** How an agent is offered to another one. */
export interface AsToolOptions {
  /** @default the agent's name */
  readonly name?: string | undefined;
  /** What it does and when to use it, for the model. */
  readonly description: string;
  /** @default false */
  readonly needsApproval?:
    | NeedsApproval<{ readonly query: string }>
    | undefined;
}

type ValueOf<Schema> = Schema extends OutputSchema
  ? InferOutput<Schema>
  : undefined;

const journalCheck = (value: unknown) =>
  typeof Object(value).step === "function" ? undefined : "a journal";
const sessionCheck = (value: unknown) =>
  typeof Object(value).getHistory === "function"
    ? undefined
    : "a session, such as context.session";

const runChecks = {
  session: sessionCheck,
  journal: journalCheck,
  signal: check.signal,
  onApproval: check.function,
};

const asToolChecks = {
  name: nameCheck,
  description: check.text,
  needsApproval: approvalCheck,
};

/**
 * A model that uses tools until it has an answer, within limits of answers, tool calls, money and time.
 *
 * Each model call and each tool call is a step of the journal: where a checkpoint middleware is in use, a run that was killed
 * goes on where it was, and nothing that was done is done or paid for again.
 *
 * @example
 * const agent = new Agent({ name: "support", systemPrompt: "You help customers.", tools: [orders, refund] });
 * export const handler = middy(async (event, context) => (await agent.run(event.question, context)).answer).use(bedrock());
 */
export class Agent<const Schema extends OutputSchema | undefined = undefined> {
  readonly name: string;
  readonly #settings: AgentSettings;

  /** @throws {ConfigurationError} naming the option that is missing, unknown or wrong. */
  constructor(options: AgentOptions<Schema>) {
    this.#settings = agentSettings(options);
    this.name = this.#settings.name;
  }

  /**
   * Answers a question.
   *
   * @throws {StepFailure} The model failed; `code`, `statusCode` and `data.reason` are those of its error.
   * @throws {Suspended} The run waits, and the journal can resume it. Let it pass.
   * @throws {ConfigurationError} An option or the question is wrong.
   */
  async run(
    query: AgentQuery,
    context: object,
    options: RunOptions = {},
  ): Promise<AgentResult<ValueOf<Schema>>> {
    return this.#track(query, context, options);
  }

  /** Like `run`, and shows what happens while it happens. */
  stream(
    query: AgentQuery,
    context: object,
    options: RunOptions = {},
  ): AgentStream<ValueOf<Schema>> {
    return new AgentStream(this.name, async (emit, left) => {
      const { signal } = options ?? {};
      const either =
        signal instanceof AbortSignal ? AbortSignal.any([signal, left]) : left;
      return this.#track(query, context, options, { emit, signal: either });
    });
  }

  /**
   * This agent as a tool of another one. What it may spend, in money, tool calls and time, is what the other one has left.
   *
   * @throws {ConfigurationError}
   */
  asTool(options: AsToolOptions): AgentTool {
    validateOptions("asTool", asToolChecks, options, ["description"]);
    const { name = this.name, description, needsApproval = false } = options;
    return {
      name,
      description,
      schema: QUERY,
      // It gets what the schema has let pass.
      needsApproval: needsApproval as NeedsApproval<unknown>,
      work: {
        kind: "agent",
        agent: { name: this.name, runWithin: this.#runWithin },
      },
    };
  }

  #track(
    query: AgentQuery,
    context: object,
    options: RunOptions,
    watched: Pick<Surroundings, "emit" | "signal"> = {
      emit: undefined,
      signal: options?.signal,
    },
  ): Promise<AgentResult<ValueOf<Schema>>> {
    validateOptions("agent.run", runChecks, options);
    const question = questionOf(query);
    const invocation = invocationOf(context, "agent.run");
    return invocation.track(async () => {
      const surroundings = {
        ...surroundingsOf(invocation, options),
        context,
        ...watched,
        conversationId: options.session?.id,
        onApproval: options.onApproval ?? this.#settings.onApproval,
      };
      const result = await invocation.operations.run(
        this.#operation(surroundings),
        () => this.#run(question, surroundings, options.session),
        outcomeOf,
      );
      // The object is what the schema has let pass.
      return result as AgentResult<ValueOf<Schema>>;
    });
  }

  #operation({
    invocation,
    journal,
    canResume,
    conversationId,
  }: Surroundings): AgentOperation {
    const { call, outputSchema, prepareStep } = this.#settings;
    return {
      kind: "agent",
      name: this.name,
      run: { id: journal.runId, isResumable: canResume },
      model:
        prepareStep === undefined
          ? (call.model ?? invocation.defaults.model)
          : undefined,
      conversationId,
      hasSchema: outputSchema !== undefined,
    };
  }

  async #run(
    question: Message,
    surroundings: Surroundings,
    session: Conversation | undefined,
  ): Promise<AgentResult<unknown>> {
    const { journal, canResume, signal } = surroundings;
    const { maxIterations, maxToolCalls, maxCostUsd } = this.#settings;
    const limits = { maxIterations, maxToolCalls, maxCostUsd, keptMs: 0 };
    let loop: AgentLoop | undefined;
    try {
      const history = await historyOf(journal, session);
      loop = await AgentLoop.of(this.#settings, surroundings, {
        limits,
        history,
        question,
      });
      const outcome = await loop.run();
      if (session !== undefined && outcome.answer.trim() !== "")
        await store(journal, session, loop.messages);
      return resultOf(loop, journal.runId, outcome);
    } catch (error) {
      if (!Suspended.isInstance(error)) throw error;
      signal?.throwIfAborted();
      if (canResume || loop === undefined) throw error;
      const waiting = error.waitingFor.map(({ name }) => name).join(", ");
      const ending = ended(
        "suspended",
        `The run waits${waiting && ` for an answer: ${waiting}`}.`,
      );
      return resultOf(loop, journal.runId, { ending, answer: "" });
    }
  }

  /** As a tool: its failures are told to the model that has called it. */
  readonly #runWithin = async (
    query: string,
    surroundings: Surroundings,
    share: Share,
  ): Promise<SubAgentReply> => {
    const { maxIterations, maxToolCalls, maxCostUsd } = this.#settings;
    const loop = await AgentLoop.of(
      this.#settings,
      {
        ...surroundings,
        onApproval: surroundings.onApproval ?? this.#settings.onApproval,
      },
      {
        limits: {
          maxIterations,
          maxToolCalls: Math.min(maxToolCalls, share.maxToolCalls),
          maxCostUsd: Math.min(maxCostUsd, share.maxCostUsd),
          keptMs: share.keptMs,
        },
        history: [],
        question: questionOf(query),
      },
    );
    const replyWith = (
      reply: ToolReply,
      costs: readonly (number | undefined)[],
    ) => ({
      ...reply,
      costUsd: sumOfUsd([loop.progress.costUsd, ...costs]),
      innerToolCalls: loop.progress.toolCalls,
    });
    try {
      const outcome = await surroundings.invocation.operations.run(
        this.#operation(surroundings),
        () => loop.run(),
        (ended) => outcomeOf(resultOf(loop, surroundings.journal.runId, ended)),
      );
      return replyWith(replyOf(outcome), []);
    } catch (error) {
      if (!StepFailure.isInstance(error)) throw error;
      const text = error.expose ? error.message : "The agent failed.";
      const failure: ToolReply = { status: "error", content: [{ text }] };
      return replyWith(failure, [error.costUsd]);
    }
  };
}

const QUERY = toJsonSchema({
  type: "object",
  properties: {
    query: {
      type: "string",
      description:
        "What the agent is to do or to find out, with all it has to know.",
    },
  },
  required: ["query"],
} as const);

/** A run in memory is resumed by nobody but those who have its journal: it comes to an end instead of waiting. */
function surroundingsOf(invocation: Invocation, options: RunOptions) {
  const journal = options.journal ?? invocation.journal ?? memoryJournal();
  return { invocation, journal, canResume: !isInMemory(journal) };
}

/** @throws {ConfigurationError} */
function questionOf(query: AgentQuery): Message {
  const isThere =
    typeof query === "string"
      ? query.trim() !== ""
      : Array.isArray(query) && query.length > 0;
  if (!isThere)
    throw new ConfigurationError(
      "agent.run: the question must be a text that is not blank, or at least one content block.",
    );
  const content: readonly ContentBlock[] =
    typeof query === "string" ? [{ text: query }] : query;
  const [question] = checkMessages("agent.run", [{ role: "user", content }]);
  // As many as were given.
  return question as Message;
}
