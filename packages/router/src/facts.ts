import type { ConverseRequest } from "@lambdallm/core";
import {
  estimateRequestTokens,
  estimateTextTokens,
  type ModelRequest,
  needsOf,
  systemBlocks,
} from "@lambdallm/core/feature";

/** What a rule decides on. In a rule that is a string the names may be in snake_case. */
export interface RouteFacts {
  /**
   * Estimated: of texts a quarter of their ASCII characters, and one for every other one; of files by their kind, such as
   * 1,600 for an image and 2,333 for a page of a PDF.
   */
  readonly inputTokens: number;
  /** The call's own, or the default of its `Prompt`. Undefined when neither says anything: then it is 4,096. */
  readonly maxTokens: number | undefined;
  /** Tools are offered, or the conversation has tool calls in it. */
  readonly hasTools: boolean;
  readonly hasImages: boolean;
  /** Of any format. */
  readonly hasDocuments: boolean;
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  /** The answer has to have a shape, as `invokeStructured` asks for. */
  readonly hasSchema: boolean;
  readonly isStreaming: boolean;
  /** From 0 to 1; undefined when nothing keeps a budget. */
  readonly budgetShareLeft: number | undefined;
  /** `1 - budgetShareLeft`. */
  readonly budgetConsumed: number | undefined;
  /** Until the call's deadline or Lambda's timeout, whichever comes first; `Infinity` without either. */
  readonly remainingTimeMs: number;
  readonly tags: Readonly<Record<string, string>>;
  /** The call itself, for rules that are functions. */
  readonly request: ConverseRequest;
}

/** What a decision depends on besides the request. */
export interface RouteCircumstances {
  /** The share of the budget that is left, from 0 to 1. @default no budget */
  readonly budgetShareLeft?: number | undefined;
  /** @default Infinity */
  readonly remainingTimeMs?: number | undefined;
  /** The AWS Region, for prices and ends of life. @default none */
  readonly region?: string | undefined;
  /** Epoch milliseconds, for prices and ends of life. @default Date.now() */
  readonly now?: number | undefined;
}

/** What is decided on: calls of a `Prompt` have its defaults. */
export type RoutedRequest = ConverseRequest & Pick<ModelRequest, "defaults">;

/** A call as it is decided on. */
export interface RoutedCall {
  readonly facts: RouteFacts;
  /** What a model has to be able to take. */
  readonly prompt: Pick<
    ModelRequest,
    "messages" | "tools" | "system" | "onDelta"
  >;
  /** Those of `facts.inputTokens` that are no guess about files. */
  readonly textTokens: number;
}

export function readCall(
  request: RoutedRequest,
  { budgetShareLeft, remainingTimeMs }: RouteCircumstances,
): RoutedCall {
  const { messages, tools = [], system = [], onDelta } = request;
  const prompt = {
    messages,
    tools,
    system: systemBlocks(system),
    ...(onDelta && { onDelta }),
  };
  const needs = needsOf(prompt);
  const facts = Object.freeze({
    inputTokens: estimateRequestTokens(prompt),
    maxTokens: request.maxTokens ?? request.defaults?.maxTokens,
    hasTools: needs.tools,
    hasImages: needs.images,
    hasDocuments: needs.documents,
    hasVideo: needs.video,
    hasAudio: needs.audio,
    hasSchema: request.output !== undefined,
    isStreaming: needs.streaming,
    budgetShareLeft,
    budgetConsumed:
      budgetShareLeft === undefined ? undefined : 1 - budgetShareLeft,
    remainingTimeMs: remainingTimeMs ?? Number.POSITIVE_INFINITY,
    tags: request.tags ?? {},
    request,
  });
  return { facts, prompt, textTokens: estimateTextTokens(prompt) };
}
