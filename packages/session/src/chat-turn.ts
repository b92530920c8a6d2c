import {
  type ContentBlock,
  type ConverseRequest,
  InvocationTimeoutError,
  type Message,
  ModelInvocationError,
  type ModelResponse,
  textOf,
} from "@lambdallm/core";
import {
  type AnswerState,
  answerState,
  type Invocation,
  llmOf,
  systemBlocks,
  usageOf,
} from "@lambdallm/core/feature";
import type { SessionMessage, Turn } from "@lambdallm/core/stores";
import type { Delivery } from "./delivery.ts";
import { withGrace } from "./ending.ts";
import type { History } from "./history.ts";
import type { Company } from "./memory.ts";
import type { Metadata } from "./metadata.ts";
import type { PromptHistory } from "./prompt-history.ts";
import { withQuestion } from "./repair.ts";
import { checkSize } from "./size.ts";
import { snapshot } from "./snapshot.ts";
import { withSummary } from "./summary-text.ts";
import { type UnwrittenTurn, writeTurn } from "./write-turn.ts";

/** What a turn's call takes beside its message. */
export type TurnOptions = Omit<ConverseRequest, "messages">;

export interface TurnFacts {
  readonly history: History;
  readonly metadata: Metadata;
  readonly prompt: PromptHistory;
  readonly invocation: Invocation;
  readonly delivery: Delivery;
  /** Added before, and not saved yet: they are part of the turn. */
  readonly pending: readonly SessionMessage[];
  readonly question: Message;
  readonly options: TurnOptions;
  /** Ends the turn. What is paid for by then is stored all the same. */
  readonly signal: AbortSignal;
}

/** Answers that are not whole. */
const INCOMPLETE: ReadonlySet<AnswerState | undefined> = new Set([
  "late",
  "broken",
  "overflowed",
] as const);

/** A question, its answer, and both in the store, or an error. */
export class ChatTurn {
  readonly #facts: TurnFacts;
  /** The text that the caller has seen. */
  #shown = "";
  #answered: ModelResponse | undefined;

  constructor(facts: TurnFacts) {
    this.#facts = facts;
  }

  /** The history has been read. */
  async run(): Promise<ModelResponse> {
    const { history, delivery, invocation, options } = this.#facts;
    const earlier = history.turns.find((turn) => this.#isSame(turn));
    if (earlier !== undefined) {
      delivery.claim(earlier);
      const replayed = this.#replay(history.replayed(earlier, this.#asked()));
      options.onResponse?.(replayed);
      return replayed;
    }
    checkSize("The message, with those that were added before,", this.#asked());
    const messages = await this.#messages();
    const llm = llmOf(invocation);
    let response: ModelResponse;
    try {
      response = await llm.converse({
        ...options,
        messages,
        conversation: history.conversation,
        ...(options.onDelta && { onDelta: this.#watch(options.onDelta) }),
        onResponse: (whole) => {
          this.#answered = whole;
          options.onResponse?.(whole);
        },
      });
    } catch (error) {
      await this.#keepFailed(error);
      throw error;
    }
    const other = await this.#keep(response);
    // What was shown cannot be taken back.
    if (other === undefined || this.#shown !== "") return response;
    const { usage, model, latencyMs, costUsd, attempts } = response;
    return {
      ...this.#replay(other),
      ...{ usage, model, latencyMs, costUsd, attempts },
    };
  }

  async #keep(response: ModelResponse): Promise<Turn | undefined> {
    const state = answerState(response);
    // That is not the model's, and what a guardrail refuses would be refused in every later turn again.
    if (state === "blocked") return undefined;
    return this.#save(response.message.content, INCOMPLETE.has(state));
  }

  async #keepFailed(error: unknown): Promise<void> {
    const content = this.#arrived(error);
    // The model had answered, and the caller's own observer failed.
    if (this.#answered !== undefined) await this.#keep(this.#answered);
    else if (content !== undefined) await this.#save(content, true);
  }

  #watch(
    onDelta: NonNullable<TurnOptions["onDelta"]>,
  ): NonNullable<TurnOptions["onDelta"]> {
    return (delta) => {
      if (delta.kind === "text") this.#shown += delta.text;
      onDelta(delta);
    };
  }

  /** The messages of the request, older ones read as long as the memory strategy wants them. */
  async #messages(): Promise<readonly Message[]> {
    const { history, invocation, question, options } = this.#facts;
    const { model, maxTokens, system, bedrock } = invocation.defaults;
    const company: Company = {
      model: options.model ?? model,
      maxTokens: options.maxTokens ?? maxTokens,
      bedrock: { ...bedrock, ...options.bedrock },
      system:
        options.system === undefined ? system : systemBlocks(options.system),
      tools: options.tools,
      question,
    };
    const chosen = await this.#chosen(company);
    return withSummary(withQuestion(chosen, question), history.summary);
  }

  async #chosen(company: Company): Promise<readonly Message[]> {
    const { history, prompt, pending, delivery, signal } = this.#facts;
    for (;;) {
      // Without what earlier deliveries of this very question came to: it is asked again.
      const turns = history.turns.filter((turn) => !delivery.isBrokenTry(turn));
      const chosen = prompt.choose(turns, pending, company);
      if (chosen !== undefined) return chosen;
      await history.loadOlder(history.messages.length, signal);
    }
  }

  #isSame(turn: Turn): boolean {
    return this.#facts.delivery.isRepeatedBy(turn, this.#asked(), 1);
  }

  /** The answer that another delivery of this request has stored. */
  #replay({ messages }: Turn): ModelResponse {
    const { options, invocation } = this.#facts;
    // It was found there.
    const { content } = messages.at(-1) as SessionMessage;
    const called = content.some((block) => "toolUse" in block);
    return {
      message: { role: "assistant", content },
      text: textOf(content),
      stopReason: called ? "tool_use" : "end_turn",
      usage: usageOf(0, 0),
      model: options.model ?? invocation.defaults.model,
      latencyMs: 0,
      costUsd: 0,
      attempts: 0,
      tags: { "session.replay": "true" },
    };
  }

  #asked(): readonly SessionMessage[] {
    const { pending, question } = this.#facts;
    return [...pending, question];
  }

  async #save(
    content: readonly ContentBlock[],
    incomplete: boolean,
  ): Promise<Turn | undefined> {
    const { history, metadata, delivery, signal } = this.#facts;
    const answer: SessionMessage = {
      role: "assistant",
      content: snapshot(content, "The model's answer: content"),
      ...(incomplete && { incomplete }),
    };
    const turn: UnwrittenTurn = {
      messages: [...this.#asked(), answer],
      // It is kept as what was said, and stands for no answer that has seen everything.
      mode: incomplete ? "rebase" : undefined,
      isSame: (other) => this.#isSame(other),
    };
    return withGrace(signal, "append", async (late) => {
      const other = await writeTurn(history, delivery, turn, late);
      await metadata.keepAlive(late);
      return other;
    });
  }

  /** What there is of an answer that failed; undefined when the model had not begun, and there is nothing to keep. */
  #arrived(error: unknown): readonly ContentBlock[] | undefined {
    const timedOut = InvocationTimeoutError.isInstance(error);
    const failed = ModelInvocationError.isInstance(error);
    const partial = timedOut || failed ? error.partial : undefined;
    if (partial !== undefined) return partial.message.content;
    if (this.#shown !== "") return [{ text: this.#shown }];
    const begun = timedOut || (failed && error.billed !== "none");
    return begun ? [] : undefined;
  }
}
