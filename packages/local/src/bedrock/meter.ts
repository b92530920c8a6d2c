import { estimateTokens } from "@lambdallm/core";
import { numberAt, objectAt, stringAt } from "../json.ts";
import type { Answer } from "./answer.ts";
import type { Backend } from "./backend.ts";
import type { KnownModel } from "./known-model.ts";
import { PromptBlocks } from "./prompt-blocks.ts";
import { type CachedPrompt, PromptCache } from "./prompt-cache.ts";
import { type Quota, QuotaLedger, type Reservation } from "./quota.ts";
import type { BedrockRequest, StreamEvent } from "./types.ts";

/** Lets calls through to what answers them, and counts them: in the quota, in the prompt cache, in their usage. */
export class Meter {
  readonly #backend: Backend;
  readonly #quota: QuotaLedger;
  readonly #cache: PromptCache;

  constructor(
    backend: Backend,
    options: { readonly quota: Quota; readonly now: () => number },
  ) {
    this.#backend = backend;
    this.#quota = new QuotaLedger(options.quota, options.now);
    this.#cache = new PromptCache(options.now);
  }

  /** @throws {ServiceError} when the call does not fit into the quota. */
  start(
    request: BedrockRequest,
    facts: {
      readonly model: KnownModel;
      readonly region: string | undefined;
      /** Resolves when nobody listens any more. */
      readonly closed: Promise<unknown>;
    },
  ): MeteredCall {
    const { modelId } = request;
    const { model, region = "" } = facts;
    // An ARN and the id in it are the same model.
    const place = `${region} ${modelId.slice(modelId.lastIndexOf("/") + 1)}`;
    const prompt = new PromptBlocks(request);
    const reservation = this.#quota.reserve(place, {
      modelId,
      model,
      promptTokens: prompt.tokens,
      maxTokens: request.inferenceConfig.maxTokens,
    });
    const cached = this.#cache.lookUp(prompt, place, modelId, model);
    const call = new MeteredCall(this.#backend, request, cached, reservation);
    void facts.closed.then(() => call.settle());
    return call;
  }

  /** Forgets what was used and what was cached. */
  reset(): void {
    this.#quota.reset();
    this.#cache.reset();
  }
}

export class MeteredCall {
  readonly #backend: Backend;
  readonly #request: BedrockRequest;
  readonly #prompt: CachedPrompt;
  readonly #reservation: Reservation;
  #written = "";

  constructor(
    backend: Backend,
    request: BedrockRequest,
    prompt: CachedPrompt,
    reservation: Reservation,
  ) {
    this.#backend = backend;
    this.#request = request;
    this.#prompt = prompt;
    this.#reservation = reservation;
  }

  /** Counts the input and what was written until now, unless the call has been counted. */
  settle(): void {
    const outputTokens = estimateTokens(this.#written);
    this.#reservation.settle({ ...this.#prompt.usage, outputTokens });
  }

  async answer(): Promise<Answer> {
    try {
      const written = await this.#backend.answer(
        this.#request,
        this.#prompt.usage,
      );
      this.#prompt.remember();
      this.#reservation.settle(written.usage);
      return written;
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  async *stream(metadata: () => object): AsyncGenerator<StreamEvent> {
    let hasBegun = false;
    try {
      for await (const event of this.#backend.stream(
        this.#request,
        this.#prompt.usage,
        metadata,
      )) {
        if (!hasBegun) this.#prompt.remember();
        hasBegun = true;
        this.#count(event);
        yield event;
      }
    } catch (error) {
      if (!hasBegun) this.#fail();
      throw error;
    } finally {
      this.settle();
    }
  }

  /** Nothing was answered. A call that was aborted did not fail by itself, and what it has used is counted. */
  #fail(): void {
    if (!this.#request.signal.aborted) this.#reservation.release();
  }

  #count({ payload }: StreamEvent): void {
    const usage = objectAt(payload, "usage");
    if (usage !== undefined)
      this.#reservation.settle({
        inputTokens: numberAt(usage, "inputTokens") ?? 0,
        outputTokens: numberAt(usage, "outputTokens") ?? 0,
        cacheWriteInputTokens: numberAt(usage, "cacheWriteInputTokens") ?? 0,
      });
    const delta = objectAt(payload, "delta");
    this.#written +=
      stringAt(delta, "text") ??
      stringAt(objectAt(delta, "reasoningContent"), "text") ??
      stringAt(objectAt(delta, "toolUse"), "input") ??
      "";
  }
}
