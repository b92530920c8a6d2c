import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import defaultExport, {
  type RetryFallbackOptions,
  retryFallback,
  retryFallbackValidateOptions,
} from "@lambdallm/retry-fallback";

describe("The options of retryFallback", () => {
  test("can all be left out, and be undefined", () => {
    expect(() => retryFallback()).not.toThrow();
    expect(() =>
      retryFallback({ maxRetries: undefined, fallbackModel: undefined }),
    ).not.toThrow();
    expect(defaultExport).toBe(retryFallback);
  });

  test.each<RetryFallbackOptions>([
    { maxRetries: 0, baseDelayMs: 0, maxDelayMs: 0, minAttemptMs: 0 },
    { baseDelayMs: 5, throttledBaseDelayMs: 5, maxDelayMs: 5 },
    // The defaults of the base delays do not count.
    { maxDelayMs: 1 },
    { fallbackModel: "my.model" },
    { fallbackModels: [] },
    { fallbackModels: ["a", "b"] },
    { retryBudget: 0 },
    { retryBudget: false, circuit: false },
    { circuit: {} },
    { circuit: { failureThreshold: 1, coolDownMs: 0 } },
    { random: () => 0 },
  ])("can be %j", (options) => {
    expect(() => retryFallback(options)).not.toThrow();
  });

  test.each<[unknown, RegExp]>([
    [null, /retryFallback: the options must be an object/],
    [{ maxRetry: 3 }, /no option "maxRetry".*Options: maxRetries, baseDelayMs/],
    [{ maxRetries: -1 }, /"maxRetries" must be a whole number/],
    [{ maxRetries: 1.5 }, /"maxRetries" must be a whole number/],
    [{ maxRetries: Number.NaN }, /"maxRetries" must be a whole number/],
    [{ baseDelayMs: -1 }, /"baseDelayMs" must be a finite number/],
    [{ maxDelayMs: Infinity }, /"maxDelayMs" must be a finite number/],
    [{ throttledBaseDelayMs: "1" }, /"throttledBaseDelayMs" must be a finite/],
    [{ minAttemptMs: Number.NaN }, /"minAttemptMs" must be a finite number/],
    [
      { baseDelayMs: 300, maxDelayMs: 200 },
      /"baseDelayMs" must not be above maxDelayMs, which is 200/,
    ],
    [
      { throttledBaseDelayMs: 30_000 },
      /"throttledBaseDelayMs" must not be above maxDelayMs, which is 20000/,
    ],
    [{ fallbackModel: " " }, /"fallbackModel" must be a non-empty string/],
    [{ fallbackModels: "a" }, /"fallbackModels" must be an array of model ids/],
    [{ fallbackModels: ["a", ""] }, /"fallbackModels" must be an array/],
    [
      { fallbackModel: "a", fallbackModels: ["b"] },
      /"fallbackModel" and "fallbackModels" exclude each other/,
    ],
    [{ retryBudget: -5 }, /"retryBudget" must be .* of at least 0, or false/],
    [{ retryBudget: true }, /"retryBudget" must be .* of at least 0, or false/],
    [{ circuit: true }, /"circuit" must be an object, or false/],
    [
      { circuit: { threshold: 5 } },
      /retryFallback: circuit: there is no option "threshold"/,
    ],
    [{ circuit: { failureThreshold: 0 } }, /"failureThreshold" must be a pos/],
    [{ circuit: { coolDownMs: -1 } }, /"coolDownMs" must be a finite number/],
    [{ random: 0.5 }, /"random" must be a function/],
  ])("cannot be %j", (options, message) => {
    const wrong = () => retryFallbackValidateOptions(options);
    expect(wrong).toThrow(message);
    expect(wrong).toThrow(ConfigurationError);
    // What the compiler would refuse, a project in JavaScript can still write.
    expect(() => retryFallback(options as RetryFallbackOptions)).toThrow(
      message,
    );
  });
});
