import type {
  ConverseCommandOutput,
  TokenUsage,
} from "@aws-sdk/client-bedrock-runtime";
import {
  estimateRequestTokens,
  estimateTokens,
  findModel,
  MAX_TIMER_MS,
  type Message,
  type ModelRequest,
  type ProviderResponse,
  textOf,
  type Usage,
} from "@lambdallm/core";
import { compile } from "./compile.ts";
import { incompleteAnswer, toModelError } from "./failure.ts";
import { StreamReader } from "./stream-reader.ts";
import type { Target } from "./target.ts";
import type { Transport } from "./transport.ts";

/** One HTTP request, with an abort signal and a deadline of its own. */
export class Attempt {
  readonly #request: ModelRequest;
  readonly #target: Target;
  readonly #start = performance.now();
  #timeToFirstTokenMs: number | undefined;
  #requestId: string | undefined;
  #accepted = false;

  constructor(request: ModelRequest, target: Target) {
    this.#request = request;
    this.#target = target;
  }

  converse(transport: Transport): Promise<ProviderResponse> {
    return this.#guarded(async (signal) => {
      const output = await transport.converse(this.#input(), signal);
      this.#requestId = output.requestId;
      if (output.output?.message === undefined) throw incompleteAnswer();
      // The message is in Converse's own shapes, which the core's types describe.
      const message = output.output.message as Message;
      return this.#respond(message, output.stopReason ?? "end_turn", output);
    });
  }

  stream(
    transport: Transport,
    onDelta: NonNullable<ModelRequest["onDelta"]>,
  ): Promise<ProviderResponse> {
    const reader = new StreamReader((delta) => {
      this.#timeToFirstTokenMs ??= performance.now() - this.#start;
      onDelta(delta);
    });
    return this.#guarded(async (signal) => {
      const { events, requestId } = await transport.converseStream(
        this.#input(),
        signal,
      );
      this.#accepted = true;
      this.#requestId = requestId;
      // Past messageStop the answer is complete; the usage comes last.
      for await (const event of events) reader.read(event);
      const { messageStop, metadata } = reader;
      // An abort ends the events in silence on some connections.
      if (messageStop === undefined) throw incompleteAnswer();
      return this.#respond(
        reader.message,
        messageStop.stopReason ?? "end_turn",
        {
          ...messageStop,
          ...metadata,
        },
      );
    }, reader);
  }

  #input() {
    const { modelId, region } = this.#target;
    return compile(this.#request, modelId, findModel(modelId, { region }));
  }

  /** Ends the request at the deadline, at an abort and on every failure, and tells these apart. */
  async #guarded(
    run: (signal: AbortSignal) => Promise<ProviderResponse>,
    reader?: StreamReader,
  ): Promise<ProviderResponse> {
    const { signal, deadline } = this.#request;
    const controller = new AbortController();
    const abort = () => controller.abort(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
    let timedOut = false;
    const leftMs = (deadline ?? Number.POSITIVE_INFINITY) - Date.now();
    const expire = () => {
      timedOut = true;
      controller.abort();
    };
    const timer =
      leftMs > 0 && leftMs < MAX_TIMER_MS
        ? setTimeout(expire, leftMs)
        : undefined;
    try {
      if (leftMs <= 0) expire();
      controller.signal.throwIfAborted();
      return await run(controller.signal);
    } catch (error) {
      controller.abort();
      const message = reader?.message ?? EMPTY;
      const complete = reader?.messageStop?.stopReason;
      if (complete !== undefined && !signal?.aborted)
        return this.#respond(message, complete, { ...reader?.messageStop });
      if (timedOut && !signal?.aborted)
        return this.#respond(message, "timeout", {});
      const begun = message.content.length > 0;
      throw toModelError(error, {
        model: this.#target.modelId,
        region: this.#target.region,
        aborted: signal?.aborted === true,
        requestId: this.#requestId,
        accepted: this.#accepted,
        partial: begun ? this.#respond(message, "interrupted", {}) : undefined,
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  #respond(
    message: Message,
    stopReason: string,
    closing: Closing,
  ): ProviderResponse {
    const { modelId, region } = this.#target;
    const { usage, serviceTier, trace } = closing;
    const { metrics, performanceConfig, additionalModelResponseFields } =
      closing;
    const text = textOf(message.content);
    return {
      message,
      text,
      stopReason,
      usage: usage ? usageOf(usage) : this.#estimate(text),
      // A prompt router says which model it chose, and that one is billed.
      model: trace?.promptRouter?.invokedModelId ?? modelId,
      region,
      latencyMs: performance.now() - this.#start,
      ...(this.#timeToFirstTokenMs !== undefined && {
        timeToFirstTokenMs: this.#timeToFirstTokenMs,
      }),
      ...(this.#requestId !== undefined && { requestId: this.#requestId }),
      ...(serviceTier?.type && { serviceTier: serviceTier.type }),
      bedrock: {
        ...(trace && { trace }),
        ...(metrics && { metrics }),
        ...(performanceConfig && { performanceConfig }),
        ...(additionalModelResponseFields !== undefined && {
          additionalModelResponseFields,
        }),
      },
    };
  }

  #estimate(text: string): Usage {
    const inputTokens = estimateRequestTokens(this.#request);
    const outputTokens = estimateTokens(text);
    return {
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      cacheReadInputTokens: 0,
      cacheWriteInputTokens: 0,
      estimated: true,
    };
  }
}

const EMPTY: Message = { role: "assistant", content: [] };

type Closing = Partial<Omit<ConverseCommandOutput, "output" | "stopReason">>;

function usageOf(usage: TokenUsage): Usage {
  const { inputTokens = 0, outputTokens = 0, cacheDetails } = usage;
  return {
    inputTokens,
    outputTokens,
    totalTokens: usage.totalTokens ?? inputTokens + outputTokens,
    cacheReadInputTokens: usage.cacheReadInputTokens ?? 0,
    cacheWriteInputTokens: usage.cacheWriteInputTokens ?? 0,
    // Both of its fields are always there; the SDK types every field with `| undefined`.
    ...(cacheDetails && {
      cacheDetails: cacheDetails as NonNullable<Usage["cacheDetails"]>,
    }),
  };
}
