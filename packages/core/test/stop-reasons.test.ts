import { expect, test } from "@jest/globals";
import type { ModelResponse } from "@lambdallm/core";
import { answerState, brokenAnswer } from "@lambdallm/core/feature";
import { answerOf } from "./support.ts";

const stopped = (stopReason: string): ModelResponse => ({
  ...answerOf("Hel", { stopReason }),
  attempts: 1,
  costUsd: undefined,
});

test.each([
  ["end_turn", "complete"],
  ["stop_sequence", "complete"],
  ["tool_use", "calling"],
  ["max_tokens", "cut"],
  ["timeout", "late"],
  ["guardrail_intervened", "blocked"],
  ["content_filtered", "blocked"],
  ["malformed_model_output", "broken"],
  ["malformed_tool_use", "broken"],
  ["model_context_window_exceeded", "overflowed"],
  ["refusal", undefined],
  ["toString", undefined],
])("An answer that stopped with %s is %s", (stopReason, state) => {
  expect(answerState(stopped(stopReason))).toBe(state);
});

test.each([
  ["malformed_model_output", "interrupted", true],
  ["malformed_tool_use", "interrupted", true],
  ["model_context_window_exceeded", "context-overflow", false],
])("%s is a failure: %s", (stopReason, reason, retryable) => {
  const response = stopped(stopReason);
  expect(brokenAnswer(response)).toMatchObject({
    reason,
    retryable,
    billed: "partial",
    partial: response,
    message: `The model ${response.model} ended with ${stopReason}: there is no complete answer.`,
  });
});

test.each(["end_turn", "max_tokens", "timeout", "content_filtered", "refusal"])(
  "%s is no failure of the model's",
  (stopReason) => {
    expect(brokenAnswer(stopped(stopReason))).toBeUndefined();
  },
);
