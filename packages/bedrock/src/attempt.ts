import type {
  ConverseCommandOutput,
  TokenUsage,
} from "@aws-sdk/client-bedrock-runtime";
import {
  estimateTokens,
  findModel,
  type Message,
  textOf,
  type Usage,
} from "@lambdallm/core";
import {
  estimateRequestTokens,
  type ModelRequest,
  type ProviderObserver,
  type ProviderResponse,
  Sending,
  usageOf,
} from "@lambdallm/core/feature";
import { incompleteAnswer, toModelError } from "./failure.ts";
import { type Interruption, interruptible } from "./interruptible.ts";
import { plainNumbers } from "./plain-numbers.ts";
import { readAnswer, reasonOf } from "./read-answer.ts";
import { type Compiled, compile } from "./request/compile.ts";
import { StreamReader } from "./stream-reader.ts";
import type { Target } from "./target.ts";
import type { Transport } from "./transport.ts";

/** One HTTP request, with an abort signal and a deadline of its own. */
export class Attempt {
  readonly #request: ModelRequest;
  readonly #target: Target;
  readonly #transport: Transport;
  readonly #observer: ProviderObserver | undefined;
  readonly #start = performance.now();
  #timeToFirstTokenMs: number | undefined;
  #requestId: string | undefined;
  /** How far it has come; undefined where nobody can tell. */
  #sending: Sending | undefined = new Sending();
  #accepted = false;

  constructor(
    request: ModelRequest,
    target: Target,
    transport: Transport,
    observer?: ProviderObserver,
  ) {
    this.#request = request;
    this.#target = target;
    this.#transport = transport;
    this.#observer = observer;
  }

  async converse(): Promise<ProviderResponse> {
    const { input, tools } = this.#compile();
    const run = async (signal: AbortSignal) => {
      this.#follow(signal);
      const output = await this.#transport.converse(input, signal);
      this.#requestId = output.requestId;
      const { stopReason } = output;
      // A guardrail that comes first leaves nothing but its reason; a lost body leaves nothing at all.
      if (stopReason === undefined && output.output?.message === undefined)
        throw incompleteAnswer();
      return this.#respond(
        readAnswer(output.output?.message, tools),
        stopReason ?? "end_turn",
        output,
      );
    };
    return interruptible(this.#request, run, (error, interruption) =>
      this.#recovered(error, interruption),
    );
  }

  async stream(
    onDelta: NonNullable<ModelRequest["onDelta"]>,
  ): Promise<ProviderResponse> {
    const { input, tools } = this.#compile();
    const reader = new StreamReader(tools, (delta) => {
      this.#timeToFirstTokenMs ??= performance.now() - this.#start;
      onDelta(delta);
    });
    const run = async (signal: AbortSignal) => {
      this.#follow(signal);
      const { events, requestId } = await this.#transport.converseStream(
        input,
        signal,
      );
      this.#accepted = true;
      this.#requestId = requestId;
      // Past messageStop the answer is complete; the usage comes last.
      for await (const event of events) {
        if (signal.aborted) break;
        this.#request.onActivity?.();
        reader.read(event);
      }
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
    };
    return interruptible(this.#request, run, (error, interruption) =>
      this.#recovered(error, interruption, reader),
    );
  }

  #follow(signal: AbortSignal): void {
    const sending = new Sending((isWaiting) =>
      this.#observer?.onQueue?.(isWaiting),
    );
    this.#sending = this.#transport.follow(signal, sending)
      ? sending
      : undefined;
  }

  #compile(): Compiled {
    const { modelId, region } = this.#target;
    const info = findModel(modelId, { region });
    const compiled = compile(this.#request, modelId, info);
    if (compiled.adaptations.length > 0)
      this.#observer?.onAdapted(compiled.adaptations);
    return compiled;
  }

  #recovered(
    error: unknown,
    { timedOut, aborted }: Interruption,
    reader?: StreamReader,
  ): ProviderResponse {
    const message = reader?.message ?? EMPTY;
    const complete = reader?.messageStop?.stopReason;
    if (complete !== undefined && !aborted)
      return this.#respond(message, complete, { ...reader?.messageStop });
    if (timedOut) return this.#respond(message, "timeout", {});
    const begun = message.content.length > 0;
    throw toModelError(error, {
      model: this.#target.modelId,
      region: this.#target.region,
      aborted,
      requestId: this.#requestId,
      accepted: this.#accepted,
      sending: this.#sending,
      partial: begun ? this.#respond(message, "interrupted", {}) : undefined,
    });
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
      stopReason: reasonOf(stopReason, message),
      usage: usage ? measuredUsage(usage) : this.#estimate(text),
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
          additionalModelResponseFields: plainNumbers(
            additionalModelResponseFields,
          ),
        }),
      },
    };
  }

  #estimate(text: string): Usage {
    const { modelId, region } = this.#target;
    const most = findModel(modelId, { region })?.contextWindowTokens;
    // What was never sent has used nothing, and no model reads more than it has room for.
    const inputTokens =
      this.#sending && this.#sending.stage !== "sent"
        ? 0
        : Math.min(estimateRequestTokens(this.#request), most ?? Infinity);
    const outputTokens = estimateTokens(text);
    return { ...usageOf(inputTokens, outputTokens), estimated: true };
  }
}

const EMPTY: Message = { role: "assistant", content: [] };

type Closing = Partial<Omit<ConverseCommandOutput, "output" | "stopReason">>;

function measuredUsage(usage: TokenUsage): Usage {
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
