import { inspect } from "node:util";
import { describe, expect, test } from "@jest/globals";
import {
  BudgetExceededError,
  ConfigurationError,
  GuardrailError,
  InvocationTimeoutError,
  LambdaLLMError,
  ModelInvocationError,
} from "@lambdallm/core";
import { MockLambdaContext } from "@lambdallm/testing";
import httpErrorHandler from "@middy/http-error-handler";
import { middyMajors } from "../../../test-support/middy.ts";
import { answerOf, PRICED } from "./support.ts";

const partial = answerOf("the model's secret answer", {
  stopReason: "content_filtered",
});
const cause = new Error("cause");

const failed = (failure: object = {}) =>
  new ModelInvocationError("The model failed.", {
    reason: "unavailable",
    model: PRICED,
    ...failure,
  });

const errors: readonly (readonly [string, LambdaLLMError, string, number])[] = [
  [
    "ConfigurationError",
    new ConfigurationError("Wrong.", { cause }),
    "CONFIGURATION",
    500,
  ],
  ["ModelInvocationError", failed({ partial, cause }), "MODEL_INVOCATION", 502],
  [
    "InvocationTimeoutError",
    new InvocationTimeoutError("Late.", partial),
    "INVOCATION_TIMEOUT",
    504,
  ],
  [
    "GuardrailError",
    new GuardrailError("Blocked.", partial),
    "GUARDRAIL_INTERVENED",
    422,
  ],
];

describe.each(errors)("%s", (name, error, code, statusCode) => {
  test("has a name, a code and a status, and may be shown unless it is about the set-up", () => {
    expect(error).toBeInstanceOf(LambdaLLMError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name,
      code,
      statusCode,
      expose: code !== "CONFIGURATION",
      retryable: false,
    });
  });

  test("prints its name and message", () => {
    expect(String(error)).toBe(`${name}: ${error.message}`);
    expect(inspect(error)).toContain(`${name}: ${error.message}`);
    expect(error.stack).toContain("errors.test.ts");
  });

  test("never prints what the model said", () => {
    for (const printed of [
      JSON.stringify(error),
      JSON.stringify({ ...error }),
      inspect(error, { depth: 10 }),
      String(error),
    ])
      expect(printed).not.toContain("secret");
  });

  test.each(middyMajors)(
    "becomes its status and message behind the http error handler on %s, a message about the set-up none",
    async (_name, middy) => {
      const chain = middy<unknown, unknown>()
        .use(httpErrorHandler({ logger: false }))
        .handler(async () => {
          throw error;
        });
      expect(await chain({}, new MockLambdaContext())).toEqual({
        statusCode,
        headers: {},
        ...(error.expose && {
          body: error.message,
          headers: { "Content-Type": "text/plain" },
        }),
      });
    },
  );
});

describe("ModelInvocationError", () => {
  test.each([
    ["throttled", 503],
    ["quota", 503],
    ["circuit-open", 503],
    ["unavailable", 502],
    ["aborted", 502],
    ["a reason of tomorrow", 502],
  ])("for the reason %s has the status %d", (reason, statusCode) => {
    expect(failed({ reason })).toMatchObject({ reason, statusCode });
  });

  test.each([
    ["access-denied", false],
    ["credentials", false],
    ["model-not-found", false],
    ["model-retired", false],
    ["invalid-request", false],
    ["capability", false],
    ["throttled", true],
    ["quota", true],
    ["unavailable", true],
    ["model-failed", true],
    ["interrupted", true],
    ["stalled", true],
    ["connection", true],
    ["context-overflow", true],
    ["circuit-open", true],
    ["aborted", true],
    ["a reason of tomorrow", true],
  ])(
    "for the reason %s may be shown: %s, also with other facts",
    (reason, expose) => {
      expect(failed({ reason }).expose).toBe(expose);
      expect(failed().with({ reason }).expose).toBe(expose);
    },
  );

  describe.each(middyMajors)(
    "behind the http error handler on %s",
    (_name, middy) => {
      const answered = async (error: unknown) => {
        const chain = middy<unknown, { headers: Record<string, string> }>()
          .use(httpErrorHandler({ logger: false }))
          .handler(async () => {
            throw error;
          });
        return chain({}, new MockLambdaContext());
      };

      test("about the set-up is a 500 that says nothing", async () => {
        const error = failed({ reason: "access-denied" });
        expect(error.statusCode).toBe(502);
        expect(await answered(error)).toEqual({ statusCode: 500, headers: {} });
      });

      test.each([
        ["throttled", 1_200, "2"],
        ["quota", 60_000, "60"],
        ["circuit-open", 29_500, "30"],
        ["throttled", 0, "0"],
        ["throttled", undefined, undefined],
        ["throttled", -1_000, undefined],
        ["throttled", Number.NaN, undefined],
        ["throttled", Number.POSITIVE_INFINITY, undefined],
        // 502: nothing says that it is better then.
        ["unavailable", 1_200, undefined],
      ])(
        "for the reason %s that may be tried again in %p ms has the header retry-after: %p",
        async (reason, retryAfterMs, header) => {
          const error = failed({
            reason,
            ...(retryAfterMs !== undefined && { retryAfterMs }),
          });
          for (const same of [error, error.with({ billed: "unknown" })]) {
            expect(same.headers?.["retry-after"]).toBe(header);
            expect(Object.keys(same)).not.toContain("headers");
            const { headers } = await answered(same);
            expect(headers["retry-after"]).toBe(header);
          }
        },
      );
    },
  );

  test("keeps the facts of the failure, and has no others", () => {
    const facts = {
      retryAfterMs: 5,
      serviceError: "ThrottlingException",
      httpStatusCode: 429,
      requestId: "r-1",
    };
    const error = failed({
      ...facts,
      retryable: true,
      billed: "partial",
      partial,
      cause,
    });
    expect(error).toMatchObject({
      ...facts,
      retryable: true,
      billed: "partial",
      partial,
      cause,
    });
    expect(Object.keys(failed()).sort()).toEqual([
      "billed",
      "code",
      "expose",
      "model",
      "reason",
      "retryable",
      "statusCode",
    ]);
    expect(failed()).toMatchObject({ billed: "none" });
    expect("cause" in failed()).toBe(false);
    expect("partial" in failed()).toBe(false);
  });
});

test("a wait that is no time is no header of a BudgetExceededError either", () => {
  const error = new BudgetExceededError("Used up.", {
    scope: "acme",
    period: "daily",
    limitUsd: 1,
    usedUsd: 1,
    retryAfterMs: Number.NaN,
  });
  expect(error.headers).toBeUndefined();
});

test("an InvocationTimeoutError may have nothing to keep", () => {
  expect("partial" in new InvocationTimeoutError("Late.")).toBe(false);
});

describe("isInstance", () => {
  const others = [
    undefined,
    null,
    0,
    "error",
    {},
    new Error("no"),
    { name: "ConfigurationError" },
    Object.create(null),
    new Proxy(
      {},
      {
        get: () => {
          throw new Error("hands off");
        },
      },
    ),
  ];

  test("is true for the class and its parents, and for nothing else", () => {
    const configuration = new ConfigurationError("Wrong.");
    expect(ConfigurationError.isInstance(configuration)).toBe(true);
    expect(LambdaLLMError.isInstance(configuration)).toBe(true);
    expect(ModelInvocationError.isInstance(configuration)).toBe(false);
    for (const other of others) {
      expect(LambdaLLMError.isInstance(other)).toBe(false);
      expect(ConfigurationError.isInstance(other)).toBe(false);
    }
  });

  test("knows subclasses of other packages, like instanceof", () => {
    class RetriesExhausted extends ModelInvocationError {
      static override readonly errorName: string = "RetriesExhausted";
    }
    const error = new RetriesExhausted("No.", {
      reason: "throttled",
      model: PRICED,
    });
    expect(error.name).toBe("RetriesExhausted");
    expect(RetriesExhausted.isInstance(error)).toBe(true);
    expect(ModelInvocationError.isInstance(error)).toBe(true);
    expect(LambdaLLMError.isInstance(error)).toBe(true);
    expect(ConfigurationError.isInstance(error)).toBe(false);
    expect(RetriesExhausted.isInstance(failed())).toBe(false);
  });

  test("is false for whatever else can be thrown", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const thrown of [null, undefined, "text", 0, {}, proxy])
      expect(LambdaLLMError.isInstance(thrown)).toBe(false);
  });

  test("is true across two copies of the package", async () => {
    const path = "../src/contract/errors.ts";
    const copy: typeof import("../src/contract/errors.ts") = await import(
      `${path}?copy`
    );
    const foreign = new copy.ConfigurationError("Wrong.");
    expect(foreign).not.toBeInstanceOf(ConfigurationError);
    expect(ConfigurationError.isInstance(foreign)).toBe(true);
    expect(LambdaLLMError.isInstance(foreign)).toBe(true);
    expect(GuardrailError.isInstance(foreign)).toBe(false);
    expect(
      copy.ConfigurationError.isInstance(new ConfigurationError("Wrong.")),
    ).toBe(true);
  });
});
