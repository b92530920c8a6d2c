import { type Delta, ModelInvocationError } from "@lambdallm/core";
import { type ModelRequest, startTimer } from "@lambdallm/core/feature";

/** How long a model may be silent, in milliseconds. */
export interface SilenceLimits {
  readonly firstTokenTimeoutMs?: number | undefined;
  readonly betweenTokensTimeoutMs?: number | undefined;
}

/**
 * Aborts an attempt when its model is silent for too long. It has to see the events, so the attempt is streamed.
 *
 * Every event is a sign of life. The first one of a stream only opens the message, as the service's `messageStart` does: it
 * gives the model the time for its first token anew. The answer has begun with the second event, or with the first delta of a
 * provider that tells of no others, and from then on the limit between tokens holds.
 */
export class SilenceWatch {
  /** The request that is watched. */
  readonly request: ModelRequest;
  readonly #limits: SilenceLimits;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #opened = false;
  #answering = false;
  #ended = false;

  constructor(request: ModelRequest, limits: SilenceLimits) {
    this.#limits = limits;
    const { deltas, onDelta, onActivity, signal, ...rest } = request;
    const own = this.#controller.signal;
    this.request = {
      ...rest,
      signal: signal ? AbortSignal.any([signal, own]) : own,
      // Every kind of delta is a sign of life; the caller sees the kinds that it asked for.
      onDelta: (delta: Delta) => {
        this.#opened = true;
        this.#heard();
        if (deltas === undefined || deltas.includes(delta.kind))
          onDelta?.(delta);
      },
      onActivity: () => {
        this.#heard();
        onActivity?.();
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

  /** The attempt waits for something that is not the model. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  /** The attempt is over. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #heard(): void {
    if (this.#ended) return;
    if (this.#answering || !this.#opened) {
      this.#opened = true;
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
      limitMs === undefined ? undefined : startTimer(limitMs, giveUp);
  }
}
