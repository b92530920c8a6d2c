import type { KnownStopReason } from "../contract/model-call.ts";

/**
 * What an answer is, by the reason for which it stopped: `complete`; `calling` tools; `cut` at the length that was asked for;
 * `late`, cut off by the deadline; `blocked`, replaced by a guardrail or a filter; `broken` off by the model, which may do
 * better the next time; `overflowed`, which it cannot.
 */
export type AnswerState =
  | "complete"
  | "calling"
  | "cut"
  | "late"
  | "blocked"
  | "broken"
  | "overflowed";

const STATES: Readonly<Record<KnownStopReason, AnswerState>> = {
  end_turn: "complete",
  stop_sequence: "complete",
  tool_use: "calling",
  max_tokens: "cut",
  timeout: "late",
  guardrail_intervened: "blocked",
  content_filtered: "blocked",
  malformed_model_output: "broken",
  malformed_tool_use: "broken",
  model_context_window_exceeded: "overflowed",
};

const states: ReadonlyMap<string, AnswerState> = new Map(
  Object.entries(STATES),
);

/** Undefined for a reason that nobody here has heard of: then nothing is known against the answer. */
export function answerState({
  stopReason,
}: {
  readonly stopReason: string;
}): AnswerState | undefined {
  return states.get(stopReason);
}
