import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { type LLMContext, Model } from "@lambdallm/core";
import type { Fault, LocalBedrock } from "@lambdallm/local";
import { resetRetryState } from "@lambdallm/retry-fallback";
import { invocation, start } from "./wire-support.ts";

const FIRST = `global.${Model.CLAUDE_HAIKU_4_5}`;
const FALLBACK = Model.NOVA_LITE;

let local: LocalBedrock;
beforeAll(async () => {
  local = await start({ respond: () => "Hello to you" });
});
beforeEach(() => {
  resetRetryState();
  local.reset();
});
afterAll(() => local.close());

const invoke = async (context: LLMContext) => context.invoke("Hello there");
const stream = async (context: LLMContext) => {
  let text = "";
  for await (const piece of context.stream("Hello there")) text += piece;
  return text;
};

/** What an error is worth: another attempt, another model, or neither. */
type Worth = "retry" | "fallback" | "nothing";

const validation = (message: string): Fault => ({
  error: "ValidationException",
  message,
});

const table: readonly (readonly [
  fault: Fault,
  reason: string,
  worth: Worth,
])[] = [
  [{ error: "ThrottlingException" }, "throttled", "retry"],
  [
    { error: "ThrottlingException", retryAfterSeconds: 0 },
    "throttled",
    "retry",
  ],
  [
    {
      error: "ThrottlingException",
      message: "Too many tokens per day, please wait before trying again.",
    },
    "quota",
    "fallback",
  ],
  [{ error: "ModelNotReadyException" }, "unavailable", "retry"],
  [{ error: "InternalServerException" }, "unavailable", "retry"],
  [{ error: "ServiceUnavailableException" }, "unavailable", "retry"],
  [{ error: "RequestTimeoutException" }, "unavailable", "retry"],
  [{ error: "ModelTimeoutException" }, "model-failed", "retry"],
  [{ error: "ModelErrorException" }, "model-failed", "retry"],
  [
    { error: "ModelErrorException", originalStatusCode: 400 },
    "model-failed",
    "nothing",
  ],
  [{ error: "ModelStreamErrorException" }, "model-failed", "retry"],
  [{ error: "ValidationException" }, "invalid-request", "nothing"],
  [{ error: "ConflictException" }, "invalid-request", "nothing"],
  [{ error: "AccessDeniedException" }, "access-denied", "nothing"],
  [{ error: "ResourceNotFoundException" }, "model-not-found", "nothing"],
  [{ error: "ServiceQuotaExceededException" }, "quota", "fallback"],
  [{ error: "ExpiredTokenException" }, "credentials", "nothing"],
  [{ error: "UnrecognizedClientException" }, "credentials", "nothing"],
  [{ error: "InvalidSignatureException" }, "credentials", "nothing"],
  [{ status: 429, body: "<html>slow down</html>" }, "throttled", "retry"],
  [{ status: 500, body: "<html>oops</html>" }, "unavailable", "retry"],
  [{ status: 502, body: "<html>bad gateway</html>" }, "unavailable", "retry"],
  [{ status: 503, body: "" }, "unavailable", "retry"],
  [{ status: 504, body: "<html>timeout</html>" }, "unavailable", "retry"],
  [{ status: 403, body: "<html>no</html>" }, "access-denied", "nothing"],
  [{ cut: "before" }, "connection", "retry"],
  [
    {
      error: "ResourceNotFoundException",
      message: "This model version has reached the end of its life.",
    },
    "model-retired",
    "fallback",
  ],
  [
    validation("This model doesn't support tool use."),
    "capability",
    "fallback",
  ],
  [
    validation("`temperature` is deprecated for this model."),
    "capability",
    "fallback",
  ],
  [
    validation("Malformed input request, please reformat."),
    "invalid-request",
    "nothing",
  ],
];

const ATTEMPTS = {
  retry: { alone: 3, withFallback: [FIRST, FIRST, FIRST, FALLBACK] },
  fallback: { alone: 1, withFallback: [FIRST, FALLBACK] },
  nothing: { alone: 1, withFallback: [FIRST] },
} as const;

/** Whatever is asked of the first model fails in this way. */
const failing =
  (fault: Fault) =>
  ({ modelId }: { modelId: string | undefined }) =>
    modelId === FIRST ? fault : undefined;

describe.each([
  ["Converse", invoke],
  ["ConverseStream", stream],
])("Attempts that the server sees of %s", (_operation, run) => {
  test.each(table)("%j is %s, worth: %s", async (fault, reason, worth) => {
    local.setFaults(failing(fault));
    const alone = await invocation(local, run, { retry: { maxRetries: 2 } });
    expect(alone.asked).toHaveLength(ATTEMPTS[worth].alone);
    expect(alone.error).toMatchObject({ reason });
    if (worth === "retry")
      expect(alone.error).toMatchObject({
        errors: Array(3).fill({
          model: FIRST,
          waitMs: expect.any(Number),
          error: expect.objectContaining({ reason }),
        }),
      });

    resetRetryState();
    const { asked, result, error } = await invocation(local, run, {
      retry: { maxRetries: 2, fallbackModel: FALLBACK },
    });
    expect(asked).toEqual(ATTEMPTS[worth].withFallback);
    if (worth === "nothing") expect(error).toMatchObject({ reason });
    else expect(result).toBe("Hello to you");
  });

  test.each(table.filter(([, , worth]) => worth === "retry"))(
    "%j once is one attempt more",
    async (fault) => {
      local.setFaults([fault]);
      const { asked, result } = await invocation(local, run);
      expect(asked).toEqual([FIRST, FIRST]);
      expect(result).toBe("Hello to you");
    },
  );
});

test("A body that broke off is asked for again", async () => {
  for (const fault of [
    { cut: "headers" },
    { cut: "body" },
    { garbage: true },
  ] satisfies Fault[]) {
    local.setFaults([fault]);
    const { asked, result } = await invocation(local, invoke);
    expect(asked).toHaveLength(2);
    expect(result).toBe("Hello to you");
  }
});

test("A prompt that is too long goes to a model with a larger context only", async () => {
  local.setFaults(
    failing(validation("Input is too long for requested model.")),
  );
  const { asked, result } = await invocation(local, invoke, {
    retry: { fallbackModels: [Model.NOVA_MICRO, Model.NOVA_2_LITE] },
  });
  expect(asked).toEqual([FIRST, Model.NOVA_2_LITE]);
  expect(result).toBe("Hello to you");
});

describe("A stream that breaks", () => {
  // The first event says only that an answer begins.
  test.each<[string, Fault]>([
    ["without an event", { emptyStream: true }],
    ["with its first event", { streamError: { name: "throttlingException" } }],
    ["in its first frame", { garbage: true }],
    ["before the first text", { cut: "body", afterEvents: 1 }],
    [
      "in the frame of the first text",
      { cut: "body", afterEvents: 1, midFrame: true },
    ],
    [
      "with an exception before the first text",
      { streamError: { name: "modelStreamErrorException", afterEvents: 1 } },
    ],
    ["with an end before the first text", { endAfterEvents: 1 }],
  ])("%s is asked for again", async (_when, fault) => {
    local.setFaults([fault]);
    const { asked, result } = await invocation(local, stream);
    expect(asked).toEqual([FIRST, FIRST]);
    expect(result).toBe("Hello to you");
  });

  test.each<[string, Fault]>([
    ["is cut", { cut: "body", afterEvents: 2 }],
    ["is cut inside a frame", { cut: "body", afterEvents: 2, midFrame: true }],
    ["ends", { endAfterEvents: 2 }],
    [
      "throws",
      { streamError: { name: "modelStreamErrorException", afterEvents: 2 } },
    ],
  ])("after text was seen fails: it %s", async (_how, fault) => {
    local.setFaults([fault]);
    const seen: string[] = [];
    const { asked, error } = await invocation(
      local,
      async (context) => {
        for await (const piece of context.stream("Hello")) seen.push(piece);
      },
      { retry: { fallbackModel: FALLBACK } },
    );
    expect(asked).toEqual([FIRST]);
    expect(seen.join("")).toMatch(/^Hello/);
    expect(error).toMatchObject({
      retryable: true,
      billed: "partial",
      partial: { text: seen.join("") },
    });
  });
});
