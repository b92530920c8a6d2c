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
  wholeAnswer,
} from "@lambdallm/core/feature";
import { affordable } from "./budget.ts";
import { placeCachePoints } from "./cache-points.ts";
import { fitFiles } from "./fit-files.ts";
import { keepToolResults } from "./keep-results.ts";
import { type Ending, ended, endingOf, type Progress } from "./limits.ts";
import { reactAnswer } from "./react-answer.ts";
import { needsReact, reactRequest } from "./react-prompt.ts";
import { type ReadAnswer, readAnswer } from "./read-answer.ts";
import { ROOM } from "./room.ts";
import type { AgentSettings } from "./settings.ts";
import type { Limits, Surroundings } from "./sub-agent.ts";
import type { AgentTool } from "./tool.ts";

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

/** Less time than that is not enough for a last answer. */
const LEAST_LAST_MS = 1_000;

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
  readonly #bufferMs: number;
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
    this.#bufferMs = Math.min(settings.timeoutBufferMs, this.#leftMs / 2);
  }

  /** What is kept of the time for the answers of this run and of those above, in milliseconds. */
  get keptMs(): number {
    return this.#limits.keptMs + this.#bufferMs;
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
      this.#outOfTime();
    const fitted =
      reached === undefined ? this.#fitted(request, progress) : undefined;
    if (fitted !== undefined) return this.#answer(fitted);
    const ending = reached ?? this.#noMoney();
    // The value is the last answer.
    if (this.#settings.outputSchema !== undefined || !this.#mayAnswer(ending))
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
        const { ending = this.#outOfTime() } = before;
        const input = { messages, tools: [], model: undefined };
        const request =
          ending === undefined || this.#mayAnswer(ending)
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
    const { invocation, signal: own } = this.#surroundings;
    const { call, keepToolResults: kept } = this.#settings;
    const request = converseRequest(invocation.defaults, "agent.run", {
      ...call,
      model: model ?? call.model,
      messages: kept === undefined ? messages : keepToolResults(messages, kept),
      ...(tools.length > 0 && { tools: tools.map(declarationOf) }),
      ...(this.#limits.keptMs > 0 && { deadline: Date.now() + this.#leftMs }),
      signal: own === undefined ? signal : AbortSignal.any([signal, own]),
    });
    const fitting = fitFiles(request.messages, request.model);
    return { ...request, messages: fitting };
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
    const { canResume, signal } = this.#surroundings;
    let called: Called;
    try {
      const response = await this.#answerTo(this.#cached(request));
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

  /** Models without tools are told of them in words, and answer so. */
  async #answerTo(request: ModelRequest): Promise<ModelResponse> {
    const { invocation } = this.#surroundings;
    if (!needsReact(request)) return invocation.callModel(request);
    const response = await invocation.callModel(reactRequest(request));
    return reactAnswer(response, request);
  }

  #cached(request: ModelRequest): ModelRequest {
    const { cache } = this.#settings;
    return cache === undefined ? request : placeCachePoints(request, cache);
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
      deltas: ["text"],
      onDelta: (delta) => {
        /* istanbul ignore if -- it asks for text only */
        if (delta.kind !== "text") return;
        this.#show(delta.text);
      },
    };
  }

  #show(text: string): void {
    const { emit } = this.#surroundings;
    this.#shown = true;
    emit?.({ agent: this.#settings.name, type: "text", text });
  }

  get #leftMs(): number {
    const { invocation } = this.#surroundings;
    return Math.max(0, invocation.remainingTimeMs - this.#limits.keptMs);
  }

  #outOfTime(): Ending | undefined {
    const { canResume } = this.#surroundings;
    const isOver = !canResume && this.#leftMs <= this.#bufferMs;
    return isOver
      ? ended("timeout", "There was no time left for another answer.")
      : undefined;
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

  #mayAnswer({ mayAnswer }: Ending): boolean {
    const { invocation, canResume } = this.#surroundings;
    const untilDeadlineMs =
      invocation.deadline - Date.now() - this.#limits.keptMs;
    return mayAnswer && (canResume || untilDeadlineMs > LEAST_LAST_MS);
  }
}

/** The time was over before the value was there. */
class Late extends Error {}

const LATE = ended(
  "timeout",
  "The time was over before the answer was.",
  false,
);

function declarationOf(tool: AgentTool | Tool): Tool {
  if (!("schema" in tool)) return tool;
  const { name, description, schema } = tool;
  return {
    toolSpec: { name, description, inputSchema: { json: schema.json } },
  };
}

/** With a last word to the model, which is not kept. */
function instructed(request: ModelRequest, text: string): ModelRequest {
  const before = request.messages.slice(0, -1);
  const last = request.messages.at(-1);
  const message: Message =
    last?.role === "user"
      ? { ...last, content: [...last.content, { text }] }
      : { role: "user", content: [{ text }] };
  return {
    ...request,
    messages:
      last?.role === "user"
        ? [...before, message]
        : [...request.messages, message],
  };
}
