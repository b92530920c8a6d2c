import { inspect } from "node:util";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import {
  BudgetExceededError,
  LambdaLLMError,
  SessionConflictError,
  StepInProgressError,
  StoreError,
} from "@lambdallm/core";
import type { Turn } from "@lambdallm/core/stores";
import { MockLambdaContext } from "@lambdallm/testing";
import httpErrorHandler from "@middy/http-error-handler";
import { fakeDate } from "../../../test-support/fake-date.ts";
import { middyMajors } from "../../../test-support/middy.ts";

afterEach(() => {
  jest.useRealTimers();
});

const turn: Turn = {
  first: 4,
  messages: [{ role: "user", content: [{ text: "a secret" }] }],
  writeId: "w",
  writtenAt: 1_795_000_000_000,
};
const cause = new Error("ECONNRESET");

const exceeded = (
  failure: { readonly neededUsd?: number; readonly retryAfterMs?: number } = {},
) =>
  new BudgetExceededError("The daily budget is used up.", {
    scope: "acme",
    period: "daily",
    limitUsd: 1,
    usedUsd: 0.995,
    ...failure,
  });

const failed = (failure: object = {}) =>
  new StoreError("The table is not there.", {
    reason: "not-found",
    operation: "append",
    ...failure,
  });

const errors: readonly (readonly [
  string,
  { isInstance(error: unknown): boolean },
  LambdaLLMError,
  object,
])[] = [
  [
    "BudgetExceededError",
    BudgetExceededError,
    exceeded({ neededUsd: 0.01 }),
    {
      code: "BUDGET_EXCEEDED",
      statusCode: 429,
      retryable: false,
      scope: "acme",
      period: "daily",
      limitUsd: 1,
      usedUsd: 0.995,
      neededUsd: 0.01,
    },
  ],
  [
    "SessionConflictError",
    SessionConflictError,
    new SessionConflictError("Somebody else has written.", [turn]),
    { code: "SESSION_CONFLICT", statusCode: 409, retryable: true },
  ],
  [
    "StepInProgressError",
    StepInProgressError,
    new StepInProgressError("The step is running.", {
      runId: "r",
      step: "000001",
      expiresAt: 5,
    }),
    {
      code: "STEP_IN_PROGRESS",
      statusCode: 409,
      retryable: true,
      runId: "r",
      step: "000001",
      expiresAt: 5,
      retryAfterMs: 0,
    },
  ],
  [
    "StoreError",
    StoreError,
    failed({ serviceError: "ResourceNotFoundException", cause }),
    {
      code: "STORE",
      statusCode: 503,
      retryable: false,
      reason: "not-found",
      operation: "append",
      serviceError: "ResourceNotFoundException",
    },
  ],
];

test.each([
  ["throttled", true],
  ["unavailable", true],
  ["timeout", true],
  ["too-large", true],
  ["not-found", false],
  ["access-denied", false],
  ["corrupt", false],
  ["invalid-request", false],
])("A StoreError of the reason %s may be shown: %s", (reason, expose) => {
  expect(failed({ reason }).expose).toBe(expose);
});

describe.each(errors)("%s", (name, errorClass, error, facts) => {
  test("has a name, a status and its facts, and may be shown unless it is about the set-up", () => {
    const expose = name !== "StoreError";
    expect(error).toMatchObject({ name, expose, ...facts });
    expect(String(error)).toBe(`${name}: ${error.message}`);
    expect(Object.keys(error).sort()).toEqual(
      ["expose", ...Object.keys(facts)].sort(),
    );
  });

  test("is known by its class and its parent, and by no other", () => {
    expect(errorClass.isInstance(error)).toBe(true);
    expect(LambdaLLMError.isInstance(error)).toBe(true);
    for (const [, other] of errors)
      expect(other.isInstance(error)).toBe(other === errorClass);
  });

  test("is known across two copies of the package", async () => {
    const path = "../src/stores/state-errors.ts";
    const copy = await import(`${path}?copy`);
    expect(Reflect.get(copy, name)).not.toBe(errorClass);
    expect(Reflect.get(copy, name).isInstance(error)).toBe(true);
  });

  test.each(middyMajors)(
    "becomes its status and message behind the http error handler on %s",
    async (_name, middy) => {
      const chain = middy<unknown, unknown>()
        .use(httpErrorHandler({ logger: false }))
        .handler(async () => {
          throw error;
        });
      expect(await chain({}, new MockLambdaContext())).toMatchObject(
        error.expose
          ? { statusCode: error.statusCode, body: error.message }
          : { statusCode: 500 },
      );
    },
  );
});

test("a BudgetExceededError without a call needs nothing", () => {
  expect("neededUsd" in exceeded()).toBe(false);
  expect(exceeded({ neededUsd: 0 }).neededUsd).toBe(0);
});

describe.each(middyMajors)("On %s HTTP callers are told", (_name, middy) => {
  const toldOf = async (error: LambdaLLMError) => {
    expect(Object.keys(error)).not.toContain("headers");
    const chain = middy<unknown, { headers: Record<string, string> }>()
      .use(httpErrorHandler({ logger: false }))
      .handler(async () => {
        throw error;
      });
    const { headers } = await chain({}, new MockLambdaContext());
    return headers["retry-after"];
  };

  test.each([
    [3_000_001, "3001"],
    [0, "0"],
    [undefined, undefined],
  ])(
    "when a budget that starts again in %p ms may be tried again",
    async (retryAfterMs, header) => {
      const error = exceeded(
        retryAfterMs === undefined ? {} : { retryAfterMs },
      );
      expect(error.retryAfterMs).toBe(retryAfterMs);
      expect(await toldOf(error)).toBe(header);
    },
  );

  test.each([
    [90_001, 90_001, "91"],
    [0, 0, "0"],
    [-60_000, 0, "0"],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, undefined],
  ])(
    "when a step whose lease is over in %p ms may be tried again, counted from when it was refused",
    async (leftMs, retryAfterMs, header) => {
      fakeDate("2026-11-28");
      const expiresAt = Date.now() + leftMs;
      const step = { runId: "r", step: "000001", expiresAt };
      const error = new StepInProgressError("The step is running.", step);
      jest.setSystemTime(Date.now() + 60_000);
      expect(error).toMatchObject({ expiresAt, retryAfterMs });
      expect(await toldOf(error)).toBe(header);
    },
  );
});

test("a SessionConflictError has the newer turns and never prints them", () => {
  const error = new SessionConflictError("Newer.", [turn]);
  expect(error.newerTurns).toEqual([turn]);
  for (const printed of [
    JSON.stringify(error),
    JSON.stringify({ ...error }),
    inspect(error, { depth: 10 }),
  ])
    expect(printed).not.toContain("secret");
  expect(new SessionConflictError("Newer.").newerTurns).toEqual([]);
});

describe("StoreError", () => {
  test("has the status of what is too large, and of what is not available", () => {
    expect(failed({ reason: "too-large" }).statusCode).toBe(413);
    for (const reason of ["throttled", "timeout", "a reason of tomorrow"])
      expect(failed({ reason })).toMatchObject({ reason, statusCode: 503 });
  });

  test("says whether a repetition may help, and what caused it", () => {
    expect(failed({ retryable: true }).retryable).toBe(true);
    expect(failed({ cause }).cause).toBe(cause);
    expect("cause" in failed()).toBe(false);
    expect("serviceError" in failed()).toBe(false);
  });
});
