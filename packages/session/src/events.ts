import type { ConflictMode } from "./options.ts";

/** The session was read. */
export interface SessionLoadEvent {
  /** How many messages came back. */
  readonly messages: number;
  readonly durationMs: number;
}

/** A turn was written. */
export interface SessionSaveEvent {
  readonly messages: number;
  /** The answer in it broke off. */
  readonly incomplete: boolean;
  /** How many numbers were tried; more than 1 when others wrote at the same time. */
  readonly attempts: number;
  readonly durationMs: number;
}

/** Stored messages that no model takes were left out of the prompt. */
export interface SessionRepairEvent {
  readonly repairs: number;
}

/** Somebody else had written to the session. */
export interface SessionConflictEvent {
  readonly mode: ConflictMode;
  readonly newerMessages: number;
}

/** The turn was there already, from an earlier delivery of the same request. Nothing was written. */
export interface SessionReplayEvent {
  readonly messages: number;
}

/** A part of the session was summarised. */
export interface SessionSummaryEvent {
  readonly messages: number;
  /** False when somebody else's summary covers as much. */
  readonly saved: boolean;
}

/** The summary failed. The turn did not; the next one tries again. */
export interface SessionSummaryErrorEvent {
  readonly error: unknown;
}

declare module "@lambdallm/core/feature" {
  interface InvocationEvents {
    "session-load": SessionLoadEvent;
    "session-save": SessionSaveEvent;
    "session-repair": SessionRepairEvent;
    "session-conflict": SessionConflictEvent;
    "session-replay": SessionReplayEvent;
    "session-summary": SessionSummaryEvent;
    "session-summary-error": SessionSummaryErrorEvent;
  }
}
