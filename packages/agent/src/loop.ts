import type { ContentBlock, Message, OutputSchema } from "@lambdallm/core";
import { sumOfUsd } from "@lambdallm/core/feature";
import { CallsInARow } from "./calls-in-a-row.ts";
import { readResultTool } from "./large-results.ts";
import {
  type Ending,
  ended,
  MOST_EQUAL_CALLS,
  type Progress,
} from "./limits.ts";
import { ModelCalls, type TurnAnswer } from "./model-calls.ts";
import { lastSaid, type Outcome } from "./outcome.ts";
import { preparedStep } from "./prepared-step.ts";
import { callsIn, withoutCalls } from "./read-answer.ts";
import type { AgentSettings } from "./settings.ts";
import type { Limits, Share, Surroundings } from "./sub-agent.ts";
import type { AgentTool } from "./tool.ts";
import { type PlannedCall, ToolCalls } from "./tool-calls.ts";
import type { AgentStep, ToolCallRecord } from "./types.ts";

export interface LoopFacts {
  readonly limits: Limits;
  /** Of the conversation that the run belongs to. */
  readonly history: readonly Message[];
  readonly question: Message;
  readonly tools: ToolCalls;
}

const ANSWER_AGAIN = "You have not answered. Please do.";

const SPOILT = {
  cut: "The call was not made: the answer was cut before its arguments were complete. Make them shorter.",
  "no-object":
    "The call was not made: its arguments are no JSON object. Call the tool again.",
  "too-deep":
    "The call was not made: its arguments are nested too deeply. Call the tool again.",
} as const;

const COMPLETED = ended("completed", "", false);

/** One run of an agent: a program on a journal. */
export class AgentLoop {
  readonly #settings: AgentSettings;
  readonly #surroundings: Surroundings;
  readonly #limits: Limits;
  readonly #models: ModelCalls;
  readonly #tools: ToolCalls;
  readonly #inARow = new CallsInARow();
  readonly #history: readonly Message[];
  /** Of this run: the question, and what has happened since. */
  readonly #messages: Message[];
  readonly #steps: AgentStep[] = [];
  readonly #costs: (number | undefined)[] = [];
  #toolCalls = 0;
  #repeated: string | undefined;
  #wasSilent = false;

  private constructor(
    settings: AgentSettings,
    surroundings: Surroundings,
    { limits, history, question, tools }: LoopFacts,
  ) {
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#limits = limits;
    this.#models = new ModelCalls(settings, surroundings, limits);
    this.#tools = tools;
    this.#history = history;
    this.#messages = [question];
  }

  /** @throws {ConfigurationError} A tool's schema is none. */
  static async of(
    settings: AgentSettings,
    surroundings: Surroundings,
    facts: Omit<LoopFacts, "tools">,
  ): Promise<AgentLoop> {
    const tools = await ToolCalls.of(settings, surroundings);
    return new AgentLoop(settings, surroundings, { ...facts, tools });
  }

  get steps(): readonly AgentStep[] {
    return this.#steps;
  }

  /** The question, the calls and their results, and the answer. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  get progress(): Progress {
    return {
      steps: this.#steps,
      toolCalls: this.#toolCalls,
      costUsd: sumOfUsd(this.#costs),
      repeated: this.#repeated,
    };
  }

  /** How often the model has answered, without the last answer that a limit has asked for. */
  iterations = 0;

  /**
   * @throws {StepFailure} The model failed, or something of the user's that is no tool.
   * @throws {Suspended}
   */
  async run(): Promise<Outcome> {
    for (let iteration = 1; ; iteration++) {
      const outcome = await this.#iterate(iteration);
      if (outcome !== undefined) return outcome;
    }
  }

  async #iterate(iteration: number): Promise<Outcome | undefined> {
    const { name: agent } = this.#settings;
    this.#surroundings.emit?.({ agent, type: "iteration", iteration });
    const prepared = await preparedStep(this.#settings, this.#surroundings, {
      iteration,
      steps: this.#steps,
      messages: this.#allMessages,
    });
    const turn = await this.#models.turn({
      iteration,
      progress: this.progress,
      ...prepared,
      tools: this.#tools.hasMore
        ? [...prepared.tools, readResultTool]
        : prepared.tools,
    });
    const { costUsd } = turn;
    this.#costs.push(costUsd);
    if (turn.ending !== undefined)
      return this.#end(turn.ending, turn.answer, costUsd);
    const { answer } = turn;
    this.iterations = iteration;
    const calls = callsIn(answer.message);
    if (calls.length === 0) return this.#said(answer, costUsd);
    this.#messages.push(answer.message);
    const records = await this.#callTools(iteration, answer, prepared.tools);
    this.#addStep(answer, costUsd, records);
    this.#messages.push({ role: "user", content: records.map(resultOf) });
    return undefined;
  }

  /** An answer without calls ends the run, unless it is none: then the model is asked again, once. */
  async #said(
    answer: TurnAnswer,
    costUsd: number | undefined,
  ): Promise<Outcome | undefined> {
    if (answer.text.trim() !== "")
      return this.#end(
        answer.stopReason === "max_tokens" ? CUT : COMPLETED,
        answer,
        costUsd,
      );
    if (this.#wasSilent) return this.#end(SILENT, answer, costUsd);
    this.#wasSilent = true;
    this.#addStep(answer, costUsd);
    if (answer.message.content.length > 0) this.#messages.push(answer.message);
    this.#messages.push({ role: "user", content: [{ text: ANSWER_AGAIN }] });
    return undefined;
  }

  async #callTools(
    iteration: number,
    { message, spoilt }: TurnAnswer,
    offered: readonly AgentTool[],
  ): Promise<readonly ToolCallRecord[]> {
    const calls = callsIn(message);
    const counts = this.#inARow.next(calls);
    let left = this.#limits.maxToolCalls - this.#toolCalls;
    const planned: PlannedCall[] = calls.map((call, index) => {
      const wrong = spoilt.find((one) => one.toolUseId === call.toolUseId);
      if (wrong !== undefined) return { call, refusal: SPOILT[wrong.problem] };
      if (Number(counts[index]) >= MOST_EQUAL_CALLS) {
        this.#repeated = call.name;
        return { call, refusal: REPEATED };
      }
      left -= 1;
      return { call, refusal: left < 0 ? NO_MORE_CALLS : undefined };
    });
    const made = planned.filter(({ refusal }) => refusal === undefined);
    this.#toolCalls += made.length;
    const agents = made.filter(({ call }) =>
      offered.some(
        ({ name, work }) => name === call.name && work.kind === "agent",
      ),
    );
    const records = await this.#tools.run(
      iteration,
      planned,
      offered,
      this.#shareOf(agents.length),
    );
    for (const { innerToolCalls, costUsd } of records) {
      this.#toolCalls += innerToolCalls;
      this.#costs.push(costUsd);
    }
    return records;
  }

  /** What is left, divided among the agents that run at the same time; a part of the money is for this one's own answer. */
  #shareOf(agents: number): Share {
    const { maxCostUsd, maxToolCalls } = this.#limits;
    const { costUsd, toolCalls } = this.progress;
    // With an unknown price in it, there is nothing left that anybody knows of.
    const leftUsd =
      maxCostUsd === Number.POSITIVE_INFINITY
        ? maxCostUsd
        : maxCostUsd - (costUsd ?? maxCostUsd);
    return {
      maxCostUsd: Math.max(0, leftUsd) / (agents + 1),
      maxToolCalls: Math.floor(
        (maxToolCalls - toolCalls) / Math.max(1, agents),
      ),
      keptMs: this.#models.keptMs,
    };
  }

  async #end(
    ending: Ending,
    answer?: TurnAnswer,
    costUsd?: number | undefined,
  ): Promise<Outcome> {
    const { text = "" } = answer ?? {};
    let said = text.trim() === "" ? "" : text;
    if (answer !== undefined) {
      this.#addStep(answer, costUsd);
      if (said !== "") this.#messages.push(withoutCalls(answer.message));
    } else if (!ending.mayAnswer) said = lastSaid(this.#steps);
    const { outputSchema } = this.#settings;
    const wantsValue = ending.mayAnswer || ending.status === "completed";
    if (outputSchema === undefined || !wantsValue)
      return { ending, answer: said };
    return this.#withValue(outputSchema, ending, said);
  }

  async #withValue(
    schema: OutputSchema,
    ending: Ending,
    said: string,
  ): Promise<Outcome> {
    const turn = await this.#models.value(schema, {
      progress: this.progress,
      messages: this.#allMessages,
      ending: ending.status === "completed" ? undefined : ending,
    });
    this.#costs.push(turn.costUsd);
    if (turn.ending !== undefined) return { ending: turn.ending, answer: said };
    const answer = said || JSON.stringify(turn.value);
    if (said === "")
      this.#messages.push({ role: "assistant", content: [{ text: answer }] });
    return { ending, answer, object: turn.value };
  }

  #addStep(
    { text, model, stopReason, usage }: TurnAnswer,
    costUsd: number | undefined,
    toolCalls: readonly ToolCallRecord[] = [],
  ): void {
    const iteration = this.#steps.length + 1;
    const said = { iteration, text, model, stopReason, usage };
    this.#steps.push({ ...said, costUsd, toolCalls });
  }

  get #allMessages(): readonly Message[] {
    return [...this.#history, ...this.#messages];
  }
}

const CUT = ended("completed", "The answer was cut at maxTokens.", false);
const SILENT = ended(
  "stopped",
  "The model has answered nothing, twice.",
  false,
);
const REPEATED =
  "The call was not made: it is the same as those before, and so would be its result.";
const NO_MORE_CALLS =
  "The call was not made: there were as many as there may be.";

function resultOf({
  toolUseId,
  content,
  status,
}: ToolCallRecord): ContentBlock {
  return { toolResult: { toolUseId, content, status } };
}
