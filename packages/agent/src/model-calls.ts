import {
  findModel,
  InvocationTimeoutError,
  type Message,
  type ModelResponse,
  type OutputSchema,
  type Retry,
  Suspended,
  type Tool,
  textOf,
  type Usage,
} from "@lambdallm/core";
import {
  answerState,
  askForValue,
  converseRequest,
  type ModelRequest,
  needsOf,
  transientRetry,
  watching,
  wholeAnswer,
} from "@lambdallm/core/feature";
import { affordable } from "./budget.ts";
import { fitFiles } from "./fit-files.ts";
import { keepToolResults } from "./keep-results.ts";
import { type Ending, ended, endingOf, type Progress } from "./limits.ts";
import { type ReadAnswer, readAnswer } from "./read-answer.ts";
import { answerTo, declarationOf, instructed } from "./requests.ts";
import { ROOM } from "./room.ts";
import type { AgentSettings } from "./settings.ts";
import type { Limits, Surroundings } from "./sub-agent.ts";
import { TimeLeft } from "./time-left.ts";
import type { AgentTool } from "./tool.ts";
import { withinWindow } from "./window.ts";

/** What a step with a model call comes to: an answer; or the end of the run, where the answer is the last, if there is one. */
type Turned =
  | { readonly ending?: undefined; readonly answer: TurnAnswer }
  | { readonly ending: Ending; readonly answer?: TurnAnswer | undefined };

/** What it has recorded. */
export type ModelTurn = Turned & {
  /** USD; undefined when nobody knows. */
  readonly costUsd: number | undefined;
};

export interface TurnAnswer extends ReadAnswer {
  readonly text: string;
  readonly stopReason: string;
  readonly model: string;
  readonly usage: Usage;
}

/** What comes into a turn. */
export interface TurnInput {
  readonly iteration: number;
  readonly progress: Progress;
  readonly messages: readonly Message[];
  readonly model: string | undefined;
  readonly tools: readonly (AgentTool | Tool)[];
}

/** The value, or why there is none. */
type Valued =
  | { readonly ending?: undefined; readonly value: unknown }
  | { readonly ending: Ending };

export type ValueTurn = Valued & { readonly costUsd: number | undefined };

export interface ValueInput {
  readonly progress: Progress;
  readonly messages: readonly Message[];
  readonly ending: Ending | undefined;
}

/** Of a model call, where the run can be resumed. */
const DEFAULT_RETRIES = 2;

const LAST_ANSWER =
  "No more tools can be called. Answer now, as well as you can from what you have.";
const AS_VALUE = "Give your answer in the form that is asked for.";

/** What a model call has come to: an answer, or the end of the time. */
type Called =
  | { readonly response: ModelResponse; readonly isLate: boolean }
  | { readonly response?: undefined; readonly isLate: true };

/**
 * The model calls of one run. What time, money and the user's rules decide is decided inside of a step and recorded with it,
 * so that a replay comes to the same.
 */
export class ModelCalls {
  readonly #settings: AgentSettings;
  readonly #surroundings: Surroundings;
  readonly #limits: Limits;
  readonly #time: TimeLeft;
  readonly #retry: Retry;
  #shown = false;

  constructor(
    settings: AgentSettings,
    surroundings: Surroundings,
    limits: Limits,
  ) {
    this.#settings = settings;
    this.#surroundings = surroundings;
    this.#limits = limits;
    const { retries = surroundings.canResume ? DEFAULT_RETRIES : 0 } = settings;
    this.#retry = transientRetry(retries);
    this.#time = new TimeLeft(settings.timeoutBufferMs, surroundings, limits);
  }

  /** What is kept of the time for the answers of this run and of those above, in milliseconds. */
  get keptMs(): number {
    return this.#time.keptMs;
  }

  /** The next answer, or why there is none. */
  async turn(input: TurnInput): Promise<ModelTurn> {
    const { journal } = this.#surroundings;
    this.#shown = false;
    const turn = await journal.step(
      `model ${input.iteration}`,
      async (info): Promise<ModelTurn> => ({
        ...(await this.#turn(input, info.signal)),
        costUsd: info.costUsd,
      }),
      {
        ...ROOM,
        // What has been seen of an answer cannot be taken back.
        retry: (error, attempt) => !this.#shown && this.#retry(error, attempt),
      },
    );
    const text = turn.answer?.text ?? "";
    // A replay, and a provider that does not stream, bring no deltas.
    if (!this.#shown && text !== "") this.#show(text);
    return turn;
  }

  async #turn(input: TurnInput, signal: AbortSignal): Promise<Turned> {
    const { progress } = input;
    const request = this.#request(input, signal);
    const reached =
      (await endingOf(progress, this.#settings, this.#limits)) ??
      this.#time.ending;
    const fitted =
      reached === undefined ? this.#fitted(request, progress) : undefined;
    if (fitted !== undefined) return this.#answer(fitted);
    const ending = reached ?? this.#noMoney();
    // The value is the last answer.
    if (
      this.#settings.outputSchema !== undefined ||
      !this.#time.mayAnswer(ending)
    )
      return { ending };
    const last = this.#fitted(instructed(request, LAST_ANSWER), progress, true);
    if (last === undefined) return { ending };
    const { answer } = await this.#answer(last);
    return { ending, answer };
  }

  /** What has been said as a value of the schema; without one when a limit leaves no room for it. */
  value(
    schema: OutputSchema,
    { progress, messages, ...before }: ValueInput,
  ): Promise<ValueTurn> {
    const { journal, invocation } = this.#surroundings;
    return journal.step(
      "object",
      async (info): Promise<ValueTurn> => {
        const { ending = this.#time.ending } = before;
        const input = { messages, tools: [], model: undefined };
        const request =
          ending === undefined || this.#time.mayAnswer(ending)
            ? this.#fitted(
                instructed(this.#request(input, info.signal), AS_VALUE),
                progress,
                true,
              )
            : undefined;
        if (request === undefined)
          return { ending: ending ?? this.#noMoney(), costUsd: 0 };
        const call = async (asked: ModelRequest) => {
          const { response, isLate } = await this.#call(asked);
          if (response === undefined || isLate) throw new Late();
          return wholeAnswer(invocation, response);
        };
        try {
          const value = await askForValue(call, request, schema, 1);
          return { value, costUsd: info.costUsd };
        } catch (error) {
          if (!(error instanceof Late)) throw error;
          return { ending: ending ?? LATE, costUsd: info.costUsd };
        }
      },
      { ...ROOM, retry: this.#retry },
    );
  }

  #request(
    { messages, model, tools }: Pick<TurnInput, "messages" | "model" | "tools">,
    signal: AbortSignal,
  ): ModelRequest {
    const { invocation, signal: own, conversationId } = this.#surroundings;
    const { call, keepToolResults: kept } = this.#settings;
    const request = converseRequest(invocation.defaults, "agent.run", {
      ...call,
      model: model ?? call.model,
      messages: kept === undefined ? messages : keepToolResults(messages, kept),
      ...(tools.length > 0 && { tools: tools.map(declarationOf) }),
      ...(conversationId && { conversation: { id: conversationId } }),
      ...(this.#limits.keptMs > 0 && {
        deadline: Date.now() + this.#time.leftMs,
      }),
      signal: own === undefined ? signal : AbortSignal.any([signal, own]),
    });
    const fitting = fitFiles(request.messages, request.model);
    return withinWindow({ ...request, messages: fitting });
  }

  async #answer(request: ModelRequest): Promise<Turned> {
    const { invocation } = this.#surroundings;
    const { response, isLate } = await this.#call(
      this.#shownWhileItGrows(request),
    );
    if (response === undefined) return { ending: LATE };
    const isBroken = answerState(response) === "broken";
    if (!isLate && !isBroken) wholeAnswer(invocation, response);
    const { stopReason, model, usage } = response;
    const said = isBroken ? [] : response.message.content;
    const read = readAnswer(said, stopReason);
    const answer = { ...read, text: textOf(said), stopReason, model, usage };
    return isLate ? { ending: LATE, answer } : { answer };
  }

  /** @throws {Suspended} The time is over, and the run can go on in another invocation; or the caller has ended it. */
  async #call(request: ModelRequest): Promise<Called> {
    const { invocation, canResume, signal } = this.#surroundings;
    let called: Called;
    try {
      const response = await answerTo(
        invocation,
        request,
        this.#settings.cache,
      );
      called = { response, isLate: answerState(response) === "late" };
    } catch (error) {
      // The step did not fail: it comes to its end when the run is resumed.
      if (signal?.aborted === true) throw this.#suspended();
      if (!InvocationTimeoutError.isInstance(error)) throw error;
      called = { isLate: true };
    }
    if (called.isLate && canResume) throw this.#suspended();
    return called;
  }

  #suspended(): Suspended {
    const { runId } = this.#surroundings.journal;
    return new Suspended(runId, { resumeAt: Date.now() });
  }

  #shownWhileItGrows(request: ModelRequest): ModelRequest {
    const { emit } = this.#surroundings;
    const cannotStream =
      needsOf(request).tools &&
      findModel(request.model)?.streamingTools === false;
    if (emit === undefined || cannotStream) return request;
    return {
      ...request,
      ...watching("text", ({ text }) => this.#show(text)),
    };
  }

  #show(text: string): void {
    const { emit } = this.#surroundings;
    this.#shown = true;
    emit?.({ agent: this.#settings.name, type: "text", text });
  }

  #noMoney(): Ending {
    return ended(
      "cost_limit",
      `Another answer would cost more than what is left of ${this.#limits.maxCostUsd} USD (maxCostUsd).`,
    );
  }

  /** Undefined when the money is not enough. */
  #fitted(
    request: ModelRequest,
    { costUsd }: Progress,
    isLast = false,
  ): ModelRequest | undefined {
    const { maxCostUsd } = this.#limits;
    if (maxCostUsd === Number.POSITIVE_INFINITY) return request;
    // What an unknown price has cost may have been all of it.
    if (costUsd === undefined) return undefined;
    return affordable(request, maxCostUsd - costUsd, isLast);
  }
}

/** The time was over before the value was there. */
class Late extends Error {}

const LATE = ended(
  "timeout",
  "The time was over before the answer was.",
  false,
);
