import type { Failure } from "../contract/journal.ts";

export type StepKind = "step" | "sleep" | "ask";

/** What a program asks for at a position. */
export interface Asked {
  readonly kind: StepKind | "all";
  readonly name: string;
}

/** What is recorded at a position. Plain JSON, and bytes. */
export type Entry = {
  readonly kind: StepKind;
  readonly name: string;
  /** USD that the model calls of the step cost; null when it is unknown, left out when there were none. */
  readonly costUsd?: number | null | undefined;
} & (
  | { readonly status: "done"; readonly value?: unknown }
  | { readonly status: "failed"; readonly failure: Failure }
  /** To be tried again; the next attempt has a position of its own, so that its starts are counted. */
  | {
      readonly status: "retry";
      readonly attempt: number;
      readonly resumeAt: number;
    }
  | { readonly status: "asleep"; readonly resumeAt: number }
  | {
      readonly status: "waiting";
      readonly token: string;
      readonly until?: number | undefined;
    }
  /** It was started and did not come to its end, as the invocation had no time left. */
  | { readonly status: "released" }
);

/** `step "outline"`, as messages name it. */
export function wordsOf({ kind, name }: Asked): string {
  return `${kind} "${String(name).slice(0, LONGEST_NAME)}"`;
}

const LONGEST_NAME = 80;

const DIGITS = 6;

/** Positions sort as texts in the order of the program: `000002`, and in a branch of it `000002.000001.000001`. */
export function positionOf(prefix: string, number: number): string {
  return prefix + String(number).padStart(DIGITS, "0");
}

/** Where the second and every later attempt of a step is recorded that was put off. */
export function attemptPosition(position: string, attempt: number): string {
  return `${position}@${attempt}`;
}

/** Where the answer to a question is recorded, or that it came too late: whoever is first. */
export function answerPosition(position: string): string {
  return `${position}!`;
}

/** Where it is recorded that a question has been passed on. */
export function submitPosition(position: string): string {
  return `${position}~`;
}
