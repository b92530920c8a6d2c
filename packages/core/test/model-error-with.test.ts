import { describe, expect, test } from "@jest/globals";
import { ModelInvocationError } from "@lambdallm/core";
import { answerOf, PRICED } from "./support.ts";

describe("ModelInvocationError.with", () => {
  const partial = answerOf("the model's text");
  const first = new ModelInvocationError("It was throttled.", {
    reason: "throttled",
    model: PRICED,
  });
  const full = new ModelInvocationError("It failed.", {
    reason: "throttled",
    model: PRICED,
    retryable: true,
    billed: "partial",
    retryAfterMs: 1_000,
    serviceError: "ThrottlingException",
    serviceMessage: "Too many tokens",
    httpStatusCode: 429,
    requestId: "id",
    errors: [
      {
        model: PRICED,
        waitMs: 0,
        reason: "throttled",
        message: first.message,
        error: first,
      },
    ],
    partial,
    cause: "cause",
  });
  const factsOf = (error: ModelInvocationError) => ({
    ...error,
    message: error.message,
    partial: error.partial,
    cause: error.cause,
  });

  test("changes what is given and keeps the rest, the hidden facts included", () => {
    expect(factsOf(full.with({}))).toEqual(factsOf(full));
    const changed = full.with(
      { reason: "stalled", model: "other", retryable: false },
      "Changed.",
    );
    expect(changed).toBeInstanceOf(ModelInvocationError);
    expect(factsOf(changed)).toEqual({
      ...factsOf(full),
      message: "Changed.",
      reason: "stalled",
      model: "other",
      retryable: false,
      statusCode: 502,
    });
    expect(Object.keys(changed)).not.toContain("partial");
    expect(full).toMatchObject({ message: "It failed.", reason: "throttled" });
  });

  test("adds no fields of its own", () => {
    const bare = new ModelInvocationError("It failed.", {
      reason: "aborted",
      model: PRICED,
    });
    const changed = bare.with({ billed: "unknown" });
    expect(Object.keys(changed)).toEqual(Object.keys(bare));
    expect(changed).not.toHaveProperty("cause");
    expect(changed).not.toHaveProperty("partial");
  });
});
