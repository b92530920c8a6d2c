import type { CallInfo, ModelRequest } from "../contract/model-call.ts";
import { Totals } from "./totals.ts";

/** One model call with its attempts, as its interceptors see it. */
export class Call implements CallInfo {
  readonly callId: number;
  /** Of its attempts. */
  readonly totals: Totals;
  hasBegun = false;
  thrown: { readonly error: unknown } | undefined;

  /** Ends those attempts that are on their way, when the call is given up. */
  readonly #open = new Set<(error: unknown) => void>();

  /** @param totals Of the invocation. */
  constructor(totals: Totals) {
    this.callId = totals.countCall();
    this.totals = new Totals(totals);
  }

  /**
   * @param onGivenUp Told when the call ends before the attempt does.
   * @returns Whether the attempt has not ended before; it has then.
   */
  openAttempt(onGivenUp: (error: unknown) => void): () => boolean {
    const giveUp = (error: unknown) => {
      this.#open.delete(giveUp);
      onGivenUp(error);
    };
    this.#open.add(giveUp);
    return () => this.#open.delete(giveUp);
  }

  /** The call has failed: nobody waits any more for an attempt that is still on its way. */
  giveUp(error: unknown): void {
    for (const giveUp of this.#open) giveUp(error);
  }

  /** The same request, whose caller is watched. The core shows him the kinds of deltas only that he wants to see. */
  watch(request: ModelRequest): ModelRequest {
    const { onDelta } = request;
    if (onDelta === undefined) return request;
    return {
      ...request,
      onDelta: (delta) => {
        this.hasBegun = true;
        try {
          onDelta(delta);
        } catch (error) {
          this.thrown = { error };
          throw error;
        }
      },
    };
  }
}
