import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Model, ModelInvocationError } from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import { resetRetryState } from "@lambdallm/retry-fallback";
import { invocation, start } from "./wire-support.ts";

const SECRET = "the prompt that nobody else may see";

let local: LocalBedrock;
let error: ModelInvocationError;

beforeAll(async () => {
  local = await start({
    faults: [
      { error: "ThrottlingException" },
      { error: "ServiceUnavailableException" },
      {
        error: "ResourceNotFoundException",
        message: "It reached the end of its life.",
      },
      { error: "AccessDeniedException" },
    ],
  });
  resetRetryState();
  const ended = await invocation(local, async ({ invoke }) => invoke(SECRET), {
    retry: { fallbackModels: [Model.NOVA_LITE] },
    bedrock: { model: Model.CLAUDE_HAIKU_4_5 },
  });
  error = ended.error;
});
afterAll(() => local.close());

describe("The last error of a call, in a log,", () => {
  test.each([
    ["as console.error prints it", () => inspect(error)],
    ["as JSON", () => JSON.stringify(error, undefined, 2)],
  ])("has a model, a wait and a reason for each attempt %s", (_how, print) => {
    const printed = print();
    for (const { model, waitMs, reason, message } of error.errors ?? [])
      for (const fact of [model, waitMs, reason, message])
        expect(printed).toContain(String(fact));
    expect(printed).not.toContain("[ModelInvocationError]");
    expect(printed).not.toContain(SECRET);
  });

  test("is not long, and the whole error of each attempt is there for programs", () => {
    expect(error.errors).toHaveLength(4);
    for (const attempt of error.errors ?? []) {
      expect(Object.keys(attempt)).toEqual([
        "model",
        "waitMs",
        "reason",
        "message",
      ]);
      expect(ModelInvocationError.isInstance(attempt.error)).toBe(true);
      expect(attempt.error.requestId).toEqual(expect.any(String));
    }
    expect(JSON.stringify(error).length).toBeLessThan(2_000);
  });
});
