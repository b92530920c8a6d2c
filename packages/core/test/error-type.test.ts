import { describe, expect, test } from "@jest/globals";
import {
  ConfigurationError,
  InvocationTimeoutError,
  LambdaLLMError,
  ModelInvocationError,
  StepFailure,
} from "@lambdallm/core";
import { errorTypeOf } from "@lambdallm/core/feature";
import { failureOf } from "@lambdallm/core/stores";

const throttled = new ModelInvocationError("Slow down.", {
  reason: "throttled",
  model: "m",
});
const asStep = (error: unknown) => new StepFailure(failureOf(error, "ask"));

describe("The type of an error", () => {
  test.each<[string, unknown, string]>([
    ["a model call's reason", throttled, "throttled"],
    ["that reason also of a step", asStep(throttled), "throttled"],
    ["timeout", new InvocationTimeoutError("Late."), "timeout"],
    [
      "timeout of a step",
      asStep(new InvocationTimeoutError("Late.")),
      "timeout",
    ],
    ["its code in words", new ConfigurationError("No."), "configuration"],
    ...["RESULT_TOO_LARGE", "RUN_TOO_LARGE", "ANSWER_NOT_JSON"].map(
      (code): [string, unknown, string] => [
        `that of a journal, ${code}`,
        asStep(Object.assign(new Error("x"), { code })),
        code.toLowerCase().replaceAll("_", "-"),
      ],
    ),
    ["_OTHER for what others throw", new TypeError("Their words"), "_OTHER"],
    ["_OTHER for no error at all", "their words", "_OTHER"],
    [
      "_OTHER for what a step of theirs throws",
      asStep(
        Object.assign(new Error("x"), { code: "THEIRS", reason: "words" }),
      ),
      "_OTHER",
    ],
    [
      "_OTHER for a code that only looks like one",
      asStep(Object.assign(new Error("x"), { code: "MODEL_INVOCATION" })),
      "_OTHER",
    ],
    [
      "_OTHER for a reason that is a sentence",
      asStep(
        Object.assign(new Error("x"), {
          code: "MODEL_INVOCATION",
          reason: "their words",
        }),
      ),
      "_OTHER",
    ],
    [
      "_OTHER for an error class of theirs",
      new LambdaLLMError("x", { code: "THEIRS", statusCode: 500 }),
      "_OTHER",
    ],
  ])("is %s", (_what, error, type) => {
    expect(errorTypeOf(error)).toBe(type);
  });
});
