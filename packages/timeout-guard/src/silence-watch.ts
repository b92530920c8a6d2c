import {
  type Delta,
  MAX_TIMER_MS,
  ModelInvocationError,
  type ModelRequest,
} from "@lambdallm/core";

/** How long a model may be silent, in milliseconds. */
export interface SilenceLimits {
  readonly firstTokenTimeoutMs?: number | undefined;
  readonly betweenTokensTimeoutMs?: number | undefined;
}

/** Aborts an attempt when its model is silent for too long. It has to see the deltas, so the attempt is streamed. */
export class SilenceWatch {
  /** The request that is watched. */
  readonly request: ModelRequest;
  readonly #limits: SilenceLimits;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #answering = false;
  #ended = false;

  constructor(request: ModelRequest, limits: SilenceLimits) {
    this.#limits = limits;
    const { deltas, onDelta, signal, ...rest } = request;
    const own = this.#controller.signal;
    this.request = {
      ...rest,
      signal: signal ? AbortSignal.any([signal, own]) : own,
      // Every kind of delta is a sign of life; the caller sees the kinds that it asked for.
      onDelta: (delta: Delta) => {
        this.#heard();
        if (deltas === undefined || deltas.includes(delta.kind))
          onDelta?.(delta);
      },
    };
  }

  /** The attempt is being sent. */
  begin(): void {
    const { firstTokenTimeoutMs: limitMs } = this.#limits;
    this.#wait(
      limitMs,
      `The model did not begin to answer within ${limitMs} ms (firstTokenTimeoutMs).`,
    );
  }

  /** The attempt is over. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #heard(): void {
    if (this.#ended) return;
    if (this.#answering) {
      this.#timer?.refresh();
      return;
    }
    this.#answering = true;
    clearTimeout(this.#timer);
    const { betweenTokensTimeoutMs: limitMs } = this.#limits;
    this.#wait(
      limitMs,
      `The model stopped answering for ${limitMs} ms (betweenTokensTimeoutMs).`,
    );
  }

  #wait(limitMs: number | undefined, message: string): void {
    const giveUp = () =>
      this.#controller.abort(
        new ModelInvocationError(message, {
          reason: "stalled",
          model: this.request.model,
          retryable: true,
          billed: "unknown",
        }),
      );
    this.#timer =
      limitMs === undefined
        ? undefined
        : setTimeout(giveUp, Math.min(limitMs, MAX_TIMER_MS));
  }
}
