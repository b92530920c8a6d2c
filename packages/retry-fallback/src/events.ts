import type { ModelInvocationError } from "@lambdallm/core";
import type { CircuitInfo } from "./model-states.ts";

interface CallEvent {
  /** As in the events of the call itself. */
  readonly callId: number;
}

/** A model will be asked again. */
export interface RetryEvent extends CallEvent {
  readonly model: string;
  /** The attempt that failed; counts the attempts of the call from 1. */
  readonly attempt: number;
  readonly error: ModelInvocationError;
  /** What is waited before the next attempt, in milliseconds. */
  readonly waitMs: number;
}

/** Another model will be asked. */
export interface FallbackEvent extends CallEvent {
  readonly from: string;
  readonly to: string;
  /** Why `from` is not asked any more. */
  readonly error: ModelInvocationError;
}

/** A circuit has changed its state, by this call. */
export interface CircuitEvent extends CallEvent, CircuitInfo {}

declare module "@lambdallm/core/feature" {
  interface InvocationEvents {
    retry: RetryEvent;
    fallback: FallbackEvent;
    circuit: CircuitEvent;
  }
}
