export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * The kinds of records, and the level that each has where the options say nothing of it. Those that warn here are never left out
 * by sampling, whatever their level is then.
 */
export const DEFAULT_LEVELS = {
  "call-end": "info",
  "call-error": "error",
  "attempt-end": "debug",
  "attempt-error": "warn",
  "attempt-queue": "debug",
  "request-adapted": "info",
  "answer-cut": "warn",
  "body-error": "error",
  "chain-end": "info",
  "chain-error": "error",
  "agent-end": "info",
  "agent-error": "error",
  "tool-end": "info",
  "tool-error": "warn",
  "step-end": "info",
  "step-error": "warn",
  "run-start": "info",
  "run-suspend": "info",
  "run-end": "info",
  "run-error": "error",
  retry: "warn",
  fallback: "warn",
  circuit: "warn",
  route: "info",
  "budget-alert": "warn",
  "budget-exceeded": "warn",
  "budget-problem": "error",
  "session-load": "debug",
  "session-save": "debug",
  "session-replay": "info",
  "session-repair": "warn",
  "session-conflict": "warn",
  "session-summary": "info",
  "session-summary-error": "warn",
  "invocation-end": "info",
  "invocation-error": "warn",
} as const satisfies Readonly<Record<string, LogLevel>>;

/** What a record is of. Those that end with `-error` tell a failure. */
export type LogEvent = keyof typeof DEFAULT_LEVELS;

/** Such records are never left out. */
export function isTrouble(event: LogEvent): boolean {
  return ["warn", "error"].includes(DEFAULT_LEVELS[event]);
}

/** A text that is the same for each of them. */
export function messageOf(event: LogEvent): string {
  const words = event.replaceAll("-", " ");
  return /^(?:call|attempt)/.test(words) ? `model ${words}` : words;
}
