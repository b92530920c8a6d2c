import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";

const someOf = [
  undefined,
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  0.5,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  "",
  " ",
  "text",
  "1",
  1n,
  Symbol("s"),
  [],
  ["a"],
  [1],
  ["a", undefined],
  {},
  { a: "b" },
  { a: 1 },
  () => 1,
  new AbortController().signal,
  new Map(),
  /a/,
];

const objects = someOf.filter(
  (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value),
);

const checks: readonly (readonly [
  string,
  OptionCheck,
  string,
  readonly unknown[],
])[] = [
  ["boolean", check.boolean, "true or false", [true, false]],
  [
    "function",
    check.function,
    "a function",
    [someOf.find((value) => typeof value === "function")],
  ],
  ["object", check.object, "an object", objects],
  [
    "signal",
    check.signal,
    "an AbortSignal",
    objects.filter((value) => value instanceof AbortSignal),
  ],
  [
    "string",
    check.string,
    "a string",
    someOf.filter((value) => typeof value === "string"),
  ],
  ["text", check.text, "a non-empty string", ["text", "1"]],
  [
    "positiveInteger",
    check.positiveInteger,
    "a positive integer",
    [1, Number.MAX_SAFE_INTEGER],
  ],
  [
    "wholeNumber",
    check.wholeNumber,
    "a whole number of at least 0",
    [0, -0, 1, Number.MAX_SAFE_INTEGER],
  ],
  [
    "atLeastZero",
    check.atLeastZero,
    "a finite number of at least 0",
    [0, -0, 1, 0.5, 1.5, Number.MAX_SAFE_INTEGER, 2 ** 53],
  ],
  ["zeroToOne", check.zeroToOne, "a number from 0 to 1", [0, -0, 1, 0.5]],
  [
    "ttlHours",
    check.ttlHours,
    "a number above 0, at most 876000 (a hundred years), or Infinity",
    [1, 0.5, 1.5, Number.POSITIVE_INFINITY],
  ],
  ["array", check.array, "an array", someOf.filter(Array.isArray)],
  [
    "texts",
    check.texts,
    "an array of strings",
    someOf.filter(
      (value) =>
        Array.isArray(value) && !value.some((item) => typeof item !== "string"),
    ),
  ],
  [
    "textRecord",
    check.textRecord,
    "an object whose values are strings",
    objects.filter((value) => !Object.values(Object(value)).includes(1)),
  ],
  [
    "textOrBlocks",
    check.textOrBlocks,
    "a string or an array of content blocks",
    someOf.filter((value) => typeof value === "string" || Array.isArray(value)),
  ],
  [
    "oneOf",
    check.oneOf("text", 1, true),
    "one of text, 1, true",
    [true, 1, "text"],
  ],
  [
    "listOf",
    check.listOf("text", "tool"),
    "an array of text, tool",
    someOf.filter((value) => Array.isArray(value) && value.length === 0),
  ],
  [
    "recordOf",
    check.recordOf(check.text, "an object of texts"),
    "an object of texts",
    someOf.filter(
      (value) =>
        typeof value === "object" &&
        value !== null &&
        !Array.isArray(value) &&
        Object.values(value).every((item) => typeof item === "string"),
    ),
  ],
  ["matching", check.matching(/^\d$/, "a digit"), "a digit", ["1"]],
];

describe("check", () => {
  test("has a test here for each of its members", () => {
    expect(checks.map(([name]) => name).sort()).toEqual(
      Object.keys(check).sort(),
    );
  });

  test.each(checks)(
    "%s accepts what it should and describes the rest",
    (_name, accepts, description, accepted) => {
      expect(accepted.length).toBeGreaterThan(0);
      for (const value of someOf)
        expect([value, accepts(value)]).toEqual([
          value,
          accepted.includes(value) ? undefined : description,
        ]);
    },
  );
});

describe("validateOptions", () => {
  const known = { maxRetries: check.positiveInteger, name: check.text };

  const failure = (options: unknown): unknown => {
    try {
      validateOptions("retryFallback", known, options);
    } catch (error) {
      return error;
    }
    throw new Error("The options were accepted.");
  };

  test("accepts options that are right, undefined or absent", () => {
    for (const options of [
      {},
      { maxRetries: 3, name: "a" },
      { maxRetries: undefined },
    ])
      expect(validateOptions("retryFallback", known, options)).toBeUndefined();
  });

  test.each([undefined, null, "text", 5, [], () => 1])(
    "refuses %p instead of options",
    (options) => {
      expect(failure(options)).toEqual(
        new ConfigurationError("retryFallback: the options must be an object."),
      );
    },
  );

  test("names a wrong value's option and what it must be, not the value", () => {
    const error = failure({ name: "a", maxRetries: "secret" });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toHaveProperty(
      "message",
      'retryFallback: the option "maxRetries" must be a positive integer.',
    );
  });

  test("names a typo together with the options that there are", () => {
    expect(failure({ maxRetry: 3 })).toHaveProperty(
      "message",
      'retryFallback: there is no option "maxRetry". Options: maxRetries, name.',
    );
  });

  test.each(["constructor", "toString", "__proto__"])(
    "knows no option called %s",
    (name) => {
      const options = JSON.parse(`{"${name}": 1}`);
      expect(failure(options)).toHaveProperty(
        "message",
        expect.stringContaining(`"${name}"`),
      );
    },
  );

  test.each([{}, { maxRetries: undefined }])(
    "names an option that has to be given, and what to give: %p",
    (options) => {
      expect(() =>
        validateOptions("retryFallback", known, options, ["maxRetries"]),
      ).toThrow(
        'retryFallback: the option "maxRetries" is missing: give a positive integer.',
      );
    },
  );
});
