import {
  ConfigurationError,
  type ContentBlock,
  estimateTokens,
  Model,
  type StopReason,
  textOf,
  type Usage,
  type WithLLM,
} from "@lambdallm/core";
import {
  check,
  estimateRequestTokens,
  type MiddyMiddleware,
  type ModelRequest,
  type Provider,
  type ProviderResponse,
  providerMiddleware,
  sleep,
  usageOf,
  validateOptions,
} from "@lambdallm/core/feature";
import type { Context as LambdaContext } from "aws-lambda";
import {
  checkResponse,
  isError,
  type MockAnswer,
  type MockResponse,
} from "./mock-response.ts";

export interface MockProviderOptions {
  /** One a call, in this order; the last one answers every further call. */
  readonly responses?: readonly MockResponse[];
}

/** What the model was asked. */
export interface MockCall {
  readonly request: ModelRequest;
  /** The text of the last message. */
  readonly prompt: string;
}

/** Mocks that were asked, and those whose test has looked at what they were asked: nothing is an answer, too. */
export const noticedMocks: WeakSet<object> = new WeakSet();

/**
 * A model that answers what it was told to and remembers what it was asked.
 *
 * @example
 * const model = new MockProvider({ responses: ["Bonjour"] });
 * const handler = middy(translate).use(model.middleware());
 */
export class MockProvider implements Provider {
  readonly name = "mock";
  readonly #calls: MockCall[] = [];
  readonly #responses: readonly MockResponse[];
  readonly #last: MockResponse;

  /** @throws {ConfigurationError} for options that are wrong, and when `responses` is empty. */
  constructor(options: MockProviderOptions = {}) {
    validateOptions("MockProvider", { responses: check.array }, options);
    const { responses = ["Mock response"] } = options;
    for (const [index, response] of responses.entries())
      if (typeof response !== "function") checkResponse(response, index);
    const last = responses.at(-1);
    if (last === undefined)
      throw new ConfigurationError(
        "MockProvider: `responses` is empty; give at least one, or leave it out.",
      );
    this.#responses = responses;
    this.#last = last;
  }

  /** In the order in which they came. */
  get calls(): MockCall[] {
    noticedMocks.add(this);
    return this.#calls;
  }

  get totalCalls(): number {
    return this.calls.length;
  }

  get lastPrompt(): string | undefined {
    return this.calls.at(-1)?.prompt;
  }

  /** A Middy middleware with this provider, for code that does not use a real one. */
  middleware(): Required<MiddyMiddleware<LambdaContext & WithLLM>> {
    return providerMiddleware({
      provider: this,
      defaults: { model: Model.CLAUDE_HAIKU_4_5 },
    });
  }

  async call(request: ModelRequest): Promise<ProviderResponse> {
    const prompt = textOf(request.messages.at(-1)?.content ?? []);
    const count = this.calls.push({ request, prompt });
    const index = Math.min(count, this.#responses.length) - 1;
    const given = this.#responses[count - 1] ?? this.#last;
    return new MockAttempt(request).answer(
      await resolve(given, request, index),
    );
  }

  async countTokens(request: ModelRequest): Promise<number> {
    noticedMocks.add(this);
    return estimateRequestTokens(request);
  }
}

async function resolve(
  response: MockResponse,
  request: ModelRequest,
  index: number,
): Promise<MockAnswer> {
  if (typeof response === "function")
    return resolve(await response(request), request, index);
  checkResponse(response, index);
  if (isError(response)) throw response;
  return typeof response === "string" ? { text: response } : response;
}

class MockAttempt {
  readonly #request: ModelRequest;
  readonly #start = performance.now();

  constructor(request: ModelRequest) {
    this.#request = request;
  }

  async answer(answer: MockAnswer): Promise<ProviderResponse> {
    const { delayMs = 0, pieceDelayMs = 0, usage, error } = answer;
    const json = "value" in answer ? JSON.stringify(answer.value) : undefined;
    const text = json ?? answer.text ?? answer.pieces?.join("") ?? "";
    const content = answer.content ?? (text === "" ? [] : [{ text }]);
    if (!(await this.#wait(delayMs))) return this.#respond([], "timeout");
    if (this.#request.onDelta) {
      let received = "";
      for (const piece of answer.pieces ?? words(content)) {
        if (!(await this.#wait(pieceDelayMs)))
          return this.#respond(
            received === "" ? [] : [{ text: received }],
            "timeout",
          );
        received += piece;
        const kind = this.#request.output ? "output" : "text";
        this.#request.onDelta({ kind, text: piece });
      }
      for (const block of content) this.#showBlock(block);
    }
    if (error !== undefined) throw error;
    const stopReason =
      answer.stopReason ??
      (content.some((block) => "toolUse" in block) ? "tool_use" : "end_turn");
    return this.#respond(content, stopReason, usage);
  }

  #showBlock(block: ContentBlock): void {
    const { onDelta } = this.#request;
    if ("toolUse" in block) {
      const { toolUseId, name, input } = block.toolUse;
      onDelta?.({ kind: "tool", toolUseId, name, input: "" });
      onDelta?.({
        kind: "tool",
        toolUseId,
        name,
        input: JSON.stringify(input),
      });
    } else if (
      "reasoningContent" in block &&
      "reasoningText" in block.reasoningContent
    ) {
      const { text } = block.reasoningContent.reasoningText;
      onDelta?.({ kind: "reasoning", text });
    }
  }

  /** False when the deadline came first. */
  async #wait(ms: number): Promise<boolean> {
    const { signal, deadline = Number.POSITIVE_INFINITY } = this.#request;
    signal?.throwIfAborted();
    const leftMs = deadline - Date.now();
    if (leftMs <= 0) return false;
    if (ms > 0) await sleep(Math.min(ms, leftMs), signal);
    signal?.throwIfAborted();
    return ms < leftMs;
  }

  #respond(
    content: readonly ContentBlock[],
    stopReason: StopReason,
    usage: Partial<Usage> = {},
  ): ProviderResponse {
    const text = textOf(content);
    const inputTokens =
      usage.inputTokens ?? estimateRequestTokens(this.#request);
    const outputTokens = usage.outputTokens ?? estimateTokens(text);
    return {
      message: { role: "assistant", content },
      text,
      stopReason,
      usage: {
        ...usageOf(inputTokens, outputTokens),
        ...usage,
        inputTokens,
        outputTokens,
        ...(stopReason === "timeout" && { estimated: true as const }),
      },
      model: this.#request.model,
      latencyMs: performance.now() - this.#start,
    };
  }
}

function words(content: readonly ContentBlock[]): readonly string[] {
  return textOf(content).match(/\S+\s*|\s+/g) ?? [];
}
