/** A run is begun or resumed in this invocation. */
export interface RunStartEvent {
  readonly runId: string;
  readonly isResumed: boolean;
}

/** A run has to wait, and goes on when it is resumed. */
export interface RunSuspendEvent {
  readonly runId: string;
  /** Epoch milliseconds from which on it can be resumed; left out when only answers help. */
  readonly resumeAt?: number | undefined;
  /** How many questions it waits for. */
  readonly questions: number;
}

/** A run has come to its end, and its result, or that it has failed, is recorded. */
export interface RunEndEvent {
  readonly runId: string;
  readonly status: "completed" | "failed";
  readonly error?: unknown;
}

declare module "@lambdallm/core/feature" {
  interface InvocationEvents {
    "run-start": RunStartEvent;
    "run-suspend": RunSuspendEvent;
    "run-end": RunEndEvent;
  }
}
