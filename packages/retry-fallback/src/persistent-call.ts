import {
  type FailedAttempt,
  findModel,
  ModelInvocationError,
  type ModelResponse,
} from "@lambdallm/core";
import {
  answerState,
  brokenAnswer,
  type CallInfo,
  type CallModel,
  type Invocation,
  type ModelRequest,
  misfitsOf,
  modelName,
  sleep,
  withModel,
} from "@lambdallm/core/feature";
import { backoffMs } from "./backoff.ts";
import type { Health } from "./circuit.ts";
import {
  aborted,
  CURED_BY_FALLBACK,
  circuitOpen,
  failedAttempt,
  isOutage,
  notAsked,
} from "./failures.ts";
import { ModelGate } from "./model-gate.ts";
import { modelState } from "./model-states.ts";
import type { Settings } from "./settings.ts";

/** Of the invocation that the middleware was used in. */
export interface CallOptions {
  readonly settings: Settings;
  readonly invocation: Pick<Invocation, "events" | "provider">;
  readonly call: CallInfo;
  readonly next: CallModel;
}

interface Failure {
  readonly error: ModelInvocationError;
  /** The answer that is the failure, when the model broke it off itself. */
  readonly response?: ModelResponse;
  /** False when the circuit kept the model from being asked. */
  readonly asked: boolean;
}

interface Retry {
  readonly waitMs: number;
  readonly tokens: number;
}

const AT_ONCE: Retry = { waitMs: 0, tokens: 0 };

/** One model call with its retries and fallbacks. */
export class PersistentCall {
  readonly #options: CallOptions;
  readonly #request: ModelRequest;
  /** Goes on where it was left, as the iterators of arrays do. */
  readonly #fallbacks: IterableIterator<string>;
  readonly #tried = new Set<string>();
  /** Those of them that no circuit kept away. */
  readonly #asked = new Set<string>();
  readonly #errors: FailedAttempt[] = [];
  #attempts = 0;
  #lastAttempt: Failure | undefined;
  /** The largest context that was too small. */
  #overflowedTokens = 0;

  constructor(request: ModelRequest, options: CallOptions) {
    this.#options = options;
    this.#request = request;
    this.#fallbacks = options.settings.fallbackModels.values();
  }

  async run(): Promise<ModelResponse> {
    const { call, invocation } = this.#options;
    const { callId } = call;
    let { model } = this.#request;
    for (;;) {
      this.#tried.add(model);
      const outcome = await this.#ask(model);
      if (!isFailure(outcome)) return outcome;
      const { error } = outcome;
      const fallback = this.#fallbackFor(model, error);
      // What a model answered tells more than that another one was not asked.
      if (fallback === undefined)
        return this.#end(this.#lastAttempt ?? outcome);
      invocation.events.emit("fallback", {
        callId,
        from: model,
        to: fallback,
        error,
      });
      model = fallback;
    }
  }

  /** Asks one model until it answers, or until asking it again makes no sense. */
  async #ask(model: string): Promise<ModelResponse | Failure> {
    const { call, invocation, settings } = this.#options;
    const { callId } = call;
    const { events, provider } = invocation;
    const request = withModel(this.#request, model);
    const { signal } = request;
    const gate = new ModelGate(
      modelState(provider, model),
      settings,
      (circuit) => events.emit("circuit", { callId, ...circuit }),
    );
    let outcome = await this.#attempt(request, gate, AT_ONCE);
    for (let retries = 0; isFailure(outcome); retries += 1) {
      const { error } = outcome;
      const retry = this.#planRetry(error, retries, gate);
      if (retry === undefined) break;
      const { waitMs, tokens } = retry;
      const attempt = this.#attempts;
      events.emit("retry", { callId, model, attempt, error, waitMs });
      await sleep(waitMs, signal);
      // Timers can be late.
      const tooLate = this.#leftMs <= 0;
      if (signal?.aborted || tooLate) gate.giveBackTokens(tokens);
      if (signal?.aborted) throw aborted(request, this.#errors);
      if (tooLate) break;
      outcome = await this.#attempt(request, gate, retry);
    }
    return outcome;
  }

  /** One attempt, whose failure goes onto the list. */
  async #attempt(
    request: ModelRequest,
    gate: ModelGate,
    { waitMs, tokens }: Retry,
  ): Promise<ModelResponse | Failure> {
    const { model, signal } = request;
    const failed = (failure: Failure): Failure => {
      this.#errors.push(failedAttempt(model, waitMs, failure.error));
      if (failure.asked) this.#lastAttempt = failure;
      return failure;
    };
    const pass = gate.enter();
    if (pass === undefined) {
      gate.giveBackTokens(tokens);
      const error = circuitOpen(model, gate.retryAfterMs);
      return failed({ error, asked: false });
    }
    let health: Health = "unknown";
    const settle = () => gate.settle(pass, health, tokens);
    // What hangs in spite of its abort must not keep the circuit half-open.
    signal?.addEventListener("abort", settle);
    this.#attempts += 1;
    this.#asked.add(model);
    try {
      const response = await this.#options.next(request);
      const error = brokenAnswer(response);
      if (error !== undefined) return failed({ error, response, asked: true });
      if (answerState(response) !== "late") health = "well";
      return response;
    } catch (error) {
      const { thrown } = this.#options.call;
      if (thrown !== undefined) throw thrown.error;
      if (!ModelInvocationError.isInstance(error)) throw error;
      if (isOutage(error) && !signal?.aborted) health = "sick";
      return failed({ error, asked: true });
    } finally {
      signal?.removeEventListener("abort", settle);
      settle();
    }
  }

  /** How to ask again; undefined when it makes no sense. */
  #planRetry(
    error: ModelInvocationError,
    retriesBefore: number,
    gate: ModelGate,
  ): Retry | undefined {
    const { settings } = this.#options;
    if (!error.retryable || retriesBefore >= settings.maxRetries)
      return undefined;
    if (this.#isOver || gate.isBlocked) return undefined;
    const roomMs = this.#leftMs - settings.minAttemptMs;
    const waitMs = backoffMs(error, retriesBefore, roomMs, settings);
    if (waitMs === undefined) return undefined;
    const tokens = gate.takeTokens(error);
    return tokens === undefined ? undefined : { waitMs, tokens };
  }

  /** The next model that may do what this one could not. Those that cannot go onto the list of errors. */
  #fallbackFor(
    model: string,
    { reason, retryable }: ModelInvocationError,
  ): string | undefined {
    const { invocation, settings } = this.#options;
    if (!retryable && !CURED_BY_FALLBACK.has(reason)) return undefined;
    if (this.#isOver || this.#leftMs < settings.minAttemptMs) return undefined;
    if (reason === "context-overflow")
      this.#overflowedTokens = Math.max(
        this.#overflowedTokens,
        findModel(model)?.contextWindowTokens ?? 0,
      );
    for (const candidate of this.#fallbacks) {
      if (this.#tried.has(candidate)) continue;
      const misfits = misfitsOf(this.#request, candidate, {
        region: invocation.provider.region,
        tooSmallTokens: this.#overflowedTokens,
      });
      if (misfits.length === 0) return candidate;
      const error = notAsked(candidate, misfits);
      this.#errors.push(failedAttempt(candidate, 0, error));
    }
    return undefined;
  }

  /** The caller has seen something of the answer, or does not want one any more. */
  get #isOver(): boolean {
    const { hasBegun } = this.#options.call;
    return hasBegun || this.#request.signal?.aborted === true;
  }

  get #leftMs(): number {
    const { deadline = Number.POSITIVE_INFINITY } = this.#request;
    return deadline - Date.now();
  }

  #end({ error, response }: Failure): ModelResponse {
    if (response !== undefined) return response;
    if (this.#errors.length === 1) throw error;
    const attempts = this.#attempts === 1 ? "attempt" : "attempts";
    const models = Array.from(this.#asked, modelName).join(", ");
    const summary =
      models === ""
        ? "No model was asked."
        : `No complete answer after ${this.#attempts} ${attempts} at ${models}.`;
    throw error.with(
      { errors: this.#errors, cause: error },
      `${summary} ${error.message}`,
    );
  }
}

function isFailure(outcome: ModelResponse | Failure): outcome is Failure {
  return "asked" in outcome;
}
