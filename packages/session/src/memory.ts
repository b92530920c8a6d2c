import { ConfigurationError, findModel, type Message } from "@lambdallm/core";
import {
  check,
  estimateRequestTokens,
  type ModelRequest,
  maxTokensOf,
  validateOptions,
} from "@lambdallm/core/feature";
import { isPlainQuestion } from "./repair.ts";

/** Which part of a session's history the model gets: what `full`, `slidingWindow`, `tokenBudget` and `summary` return. */
export type MemoryStrategy =
  | { readonly kind: "full" }
  | { readonly kind: "sliding-window"; readonly messages: number }
  | { readonly kind: "token-budget"; readonly tokens: number | undefined }
  | ({ readonly kind: "summary" } & SummaryOptions);

export interface SummaryOptions {
  /** The older part is summarised when there are more messages than this. */
  readonly trigger: number;
  /** How many of the newest messages stay as they are. */
  readonly keep: number;
  /** The model that writes the summary. @default the model of the call */
  readonly model?: string | undefined;
}

/** The whole history, however long it is. */
export function full(): MemoryStrategy {
  return { kind: "full" };
}

/**
 * The newest messages. An exchange with tools is not cut in two.
 *
 * @throws {ConfigurationError} `messages` is no positive integer.
 */
export function slidingWindow(messages = 20): MemoryStrategy {
  validateOptions(
    "slidingWindow",
    { messages: check.positiveInteger },
    { messages },
  );
  return { kind: "sliding-window", messages };
}

/**
 * The newest messages that fit into a number of tokens, which are estimated. Left out, it is what the model's context
 * leaves beside the answer, the system prompt and the question.
 *
 * @throws {ConfigurationError} `tokens` is no positive integer; in a call, when it is left out and the catalog does not know
 * the model's context.
 */
export function tokenBudget(tokens?: number): MemoryStrategy {
  validateOptions("tokenBudget", { tokens: check.positiveInteger }, { tokens });
  return { kind: "token-budget", tokens };
}

/**
 * A summary of the older part, and the newest messages as they are. The summary is written by a model call of its own
 * after the turn, and stored.
 *
 * @throws {ConfigurationError} A number is no positive integer, or `keep` is not less than `trigger`.
 */
export function summary({
  trigger = 40,
  keep = 10,
  ...more
}: Partial<SummaryOptions> = {}): MemoryStrategy {
  validateOptions(
    "summary",
    {
      trigger: check.positiveInteger,
      keep: check.positiveInteger,
      model: check.text,
    },
    { trigger, keep, ...more },
  );
  if (keep >= trigger)
    throw new ConfigurationError(
      'summary: the option "keep" must be less than "trigger".',
    );
  return { kind: "summary", trigger, keep, ...more };
}

/** What the history shares the model's context with. */
export interface Company
  extends Pick<ModelRequest, "model">,
    Given<
      Pick<
        ModelRequest,
        "maxTokens" | "defaults" | "bedrock" | "system" | "tools"
      >
    > {
  /** The message that comes next. */
  readonly question?: Message | undefined;
}

type Given<T> = { readonly [Key in keyof T]?: T[Key] | undefined };

/** Estimates can be a third too low: code and JSON have shorter tokens than prose. */
const SAFE_SHARE = 0.7;

/** Tokens that the model's context has for the history; undefined when the model is not known. */
export function contextBudget({
  model,
  maxTokens,
  defaults,
  bedrock,
  system = [],
  tools = [],
  question,
}: Company): number | undefined {
  const info = findModel(model);
  if (info?.contextWindowTokens === undefined) return undefined;
  const answer = maxTokensOf(
    {
      ...(maxTokens && { maxTokens }),
      ...(defaults && { defaults }),
      ...(bedrock && { bedrock }),
    },
    info,
  );
  const messages = question === undefined ? [] : [question];
  const others = estimateRequestTokens({ messages, system, tools });
  return Math.floor((info.contextWindowTokens - answer) * SAFE_SHARE) - others;
}

/** How many messages are read at first. */
export function messagesToLoad(memory: MemoryStrategy): number {
  switch (memory.kind) {
    case "sliding-window":
      return memory.messages;
    case "token-budget":
      return 50;
    case "full":
    case "summary":
      return Number.POSITIVE_INFINITY;
  }
}

/**
 * The part of a repaired history that goes to the model, or undefined when older messages are needed to know it.
 *
 * @throws {ConfigurationError} tokenBudget() without a number, for a model whose context is not known.
 */
export function choose(
  memory: MemoryStrategy,
  messages: readonly Message[],
  { hasOlder, company }: { hasOlder: boolean; company: Company },
): readonly Message[] | undefined {
  const { question } = company;
  // A question that answers tool calls needs the exchange that they are part of.
  const continues = question !== undefined && !isPlainQuestion(question);
  const budget = budgetOf(memory, company);
  const wanted =
    memory.kind === "sliding-window"
      ? Math.max(0, messages.length - memory.messages)
      : firstWithin(messages, budget);
  const starts = [...messages.entries()]
    .filter(([, message]) => isPlainQuestion(message))
    .map(([index]) => index);
  const last = starts.at(-1);
  if (last === undefined || (wanted === 0 && budget < Infinity))
    return hasOlder ? undefined : messages;
  const start = starts.find((index) => index >= wanted);
  if (start !== undefined) return messages.slice(start);
  return continues || budget === Infinity ? messages.slice(last) : [];
}

function budgetOf(memory: MemoryStrategy, company: Company): number {
  if (memory.kind === "token-budget") {
    const tokens = memory.tokens ?? contextBudget(company);
    if (tokens === undefined)
      throw new ConfigurationError(
        `tokenBudget: the context size of the model ${company.model} is not known: give a number of tokens, or register the model with registerModel().`,
      );
    return tokens;
  }
  // Summaries can fail for a while; the turns must not fail with them.
  if (memory.kind === "summary") return contextBudget(company) ?? Infinity;
  return Number.POSITIVE_INFINITY;
}

/** The position of the first message from which on all fit. */
function firstWithin(messages: readonly Message[], budget: number): number {
  let left = budget;
  const tooMuch = messages.findLastIndex((message) => {
    left -= estimateRequestTokens({ messages: [message] });
    return left < 0;
  });
  return tooMuch + 1;
}
