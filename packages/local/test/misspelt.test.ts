import { afterEach, describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  type Fault,
  type Faults,
  type LocalBedrock,
  type Reply,
  ServiceError,
  type StartBedrockOptions,
  startBedrock,
  startFunctionUrl,
} from "../src/index.ts";
import { ask, HAIKU, post } from "./helpers.ts";

/* What the types forbid, and JavaScript does not. */

let bedrock: LocalBedrock | undefined;

afterEach(() => bedrock?.close());

/** Why it does not start. */
async function refusal(options: unknown): Promise<Error> {
  try {
    bedrock = await startBedrock(options as StartBedrockOptions);
  } catch (error) {
    return error as Error;
  }
  throw new Error("It was accepted.");
}

describe("startBedrock refuses", () => {
  test("an option that does not exist", async () => {
    const error = await refusal({ response: () => "x" });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(
      /^startBedrock: there is no option "response"\. Options: .*respond/,
    );
  });

  test.each([
    ["port", 70_000],
    ["port", 80.5],
    ["host", ""],
    ["respond", "x"],
    ["faults", "all"],
    ["upstream", 1],
    ["upstreamModel", ""],
    ["upstreamApiKey", 1],
    ["tls", "key"],
    ["quota", 2_000_000],
    ["now", 0],
  ])("a wrong value of %s", async (name, value) => {
    const { message } = await refusal({ [name]: value });
    expect(message).toContain(`startBedrock: the option "${name}" must be`);
  });

  test("a key without its certificate", async () => {
    const { message } = await refusal({ tls: { key: "k", crt: "c" } });
    expect(message).toContain('startBedrock tls: there is no option "crt"');
  });
});

describe("A quota is refused", () => {
  test.each([
    [
      "for a misspelt member",
      { tokenPerMinute: 1 },
      'there is no option "tokenPerMinute". Options: tokensPerMinute, requestsPerMinute.',
    ],
    [
      "of no tokens",
      { tokensPerMinute: 0 },
      'the option "tokensPerMinute" must be a positive integer.',
    ],
    [
      "of half a request",
      { requestsPerMinute: 0.5 },
      'the option "requestsPerMinute" must be a positive integer.',
    ],
  ])("%s", async (_what, quota, why) => {
    const error = await refusal({ quota });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toBe(`startBedrock quota: ${why}`);
  });
});

const wrongFaults: readonly (readonly [string, unknown, string])[] = [
  ["a misspelt member", { eror: "x" }, 'there is no option "eror"'],
  [
    "an error that the service does not have",
    { error: "Nonsense" },
    'the option "error" must be one of ThrottlingException,',
  ],
  ["a status that is none", { status: 42 }, '"status" must be'],
  ["a wait that is no time", { latencyMs: Number.NaN }, '"latencyMs" must be'],
  ["a wait without an end", { tokenDelayMs: Infinity }, '"tokenDelayMs" must'],
  ["another place to cut", { cut: "middle" }, '"cut" must be one of before'],
  ["headers that are no text", { headers: { a: 1 } }, '"headers" must be'],
  ["a flag that is none", { garbage: "yes" }, '"garbage" must be'],
  ["no whole number", { repeat: 0 }, '"repeat" must be a positive integer'],
  [
    "a misspelt member of streamError",
    { streamError: { name: "x", after: 1 } },
    'streamError: there is no option "after"',
  ],
  [
    "a streamError without its name",
    { streamError: { message: "x" } },
    'streamError: the option "name" is missing',
  ],
  [
    "an errorFrame without its code",
    { errorFrame: { code: undefined } },
    'errorFrame: the option "code" is missing',
  ],
  ["an error's name alone", "ThrottlingException", "must be an object"],
];

describe.each(wrongFaults)(
  "A fault with %s is refused",
  (_what, fault, why) => {
    test("by startBedrock, which names its place in the array", async () => {
      const error = await refusal({ faults: [null, fault] });
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(/^faults\[1\]/);
      expect(error.message).toContain(why);
    });

    test("by setFaults", async () => {
      bedrock = await startBedrock();
      expect(() => bedrock?.setFaults([fault as Fault])).toThrow(why);
    });

    test("when a function returns it, by an answer that nobody retries", async () => {
      bedrock = await startBedrock({ faults: (() => fault) as Faults });
      const { status, body } = await post(
        bedrock,
        HAIKU,
        "converse",
        ask("Hi"),
      );
      expect(status).toBe(400);
      expect(body.message).toContain(why);
    });
  },
);

test("A function that promises a fault is refused: none would come of it", async () => {
  const faults = async () => ({ error: "ThrottlingException" });
  bedrock = await startBedrock({ faults: faults as unknown as Faults });
  const { status, body } = await post(bedrock, HAIKU, "converse", ask("Hi"));
  expect(status).toBe(400);
  expect(body.message).toContain("not a promise");
});

describe("A reply is refused", () => {
  test.each([
    ["a misspelt member", { text: "x" }, 'there is no option "text"'],
    ["no content", {}, 'the option "content" is missing'],
    ["content that is no array", { content: "x" }, '"content" must be'],
    [
      "a misspelt token count",
      { content: [], usage: { inputTokens: 1, output: 1 } },
      'usage: there is no option "output"',
    ],
    [
      "a missing token count",
      { content: [], usage: { inputTokens: 1 } },
      'usage: the option "outputTokens" is missing',
    ],
    ["nothing", undefined, "must be an object"],
  ])("for %s", async (_what, reply, why) => {
    bedrock = await startBedrock({ respond: () => reply as unknown as Reply });
    const { status, body } = await post(bedrock, HAIKU, "converse", ask("Hi"));
    expect(status).toBe(500);
    expect(body.message).toContain(why);
  });
});

test("A ServiceError is refused for a name that the service does not have, or a misspelt member", () => {
  expect(() => new ServiceError("Nonsense" as never)).toThrow(
    'ServiceError: the option "name" must be one of ThrottlingException,',
  );
  const options = { retryAfterMs: 1 } as object;
  expect(() => new ServiceError("ThrottlingException", options)).toThrow(
    'ServiceError: there is no option "retryAfterMs"',
  );
});

describe("startFunctionUrl refuses", () => {
  const start = (options: object) => startFunctionUrl(async () => {}, options);

  test("an option that does not exist", async () => {
    await expect(start({ timeout: 5 })).rejects.toThrow(ConfigurationError);
    await expect(start({ timeout: 5 })).rejects.toThrow(
      'startFunctionUrl: there is no option "timeout". Options: port,',
    );
  });

  test.each([
    ["port", -1],
    ["host", ""],
    ["timeoutMs", 0],
    ["timeoutMs", 900_001],
    ["timeoutMs", Number.NaN],
    ["functionName", 1],
    ["memoryLimitInMB", "128"],
    ["authorizer", {}],
    ["onTimeout", 1],
    ["graceMs", -1],
    ["onRequest", "x"],
    ["log", true],
  ])("a wrong value of %s: %p", async (name, value) => {
    await expect(start({ [name]: value })).rejects.toThrow(
      `startFunctionUrl: the option "${name}" must be`,
    );
  });
});
