import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { estimateTokens, ModelInvocationError } from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import { type Fault, failureOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await start();
});
afterAll(() => local.close());

const ask = (fault: Fault) => {
  local.setFaults([fault]);
  return failureOf(
    invocation(local, (context) => context.invoke("Hello there")),
  );
};

const askStreaming = (fault: Fault) => {
  local.setFaults([fault]);
  return failureOf(
    invocation(local, async (context) => {
      let text = "";
      for await (const piece of context.stream("Hello there")) text += piece;
      return text;
    }),
  );
};

type Row = [fault: Fault, reason: string, retryable: boolean, billed?: string];

const table: Row[] = [
  [{ error: "ThrottlingException" }, "throttled", true],
  [
    {
      error: "ThrottlingException",
      message: "Too many tokens, please wait before trying again.",
    },
    "throttled",
    true,
  ],
  [
    {
      error: "ThrottlingException",
      message: "Too many tokens per day, please wait before trying again.",
    },
    "quota",
    false,
  ],
  [{ error: "ModelNotReadyException" }, "unavailable", true],
  [{ error: "InternalServerException" }, "unavailable", true],
  [{ error: "ServiceUnavailableException" }, "unavailable", true],
  [
    {
      error: "ServiceUnavailableException",
      message: "Too many connections, please wait before trying again.",
    },
    "unavailable",
    true,
  ],
  [{ error: "ModelTimeoutException" }, "model-failed", true, "unknown"],
  [{ error: "ModelErrorException" }, "model-failed", true, "unknown"],
  [
    { error: "ModelErrorException", originalStatusCode: 503 },
    "model-failed",
    true,
    "unknown",
  ],
  [
    { error: "ModelErrorException", originalStatusCode: 400 },
    "model-failed",
    false,
    "unknown",
  ],
  [
    { error: "ModelErrorException", originalStatusCode: 429 },
    "model-failed",
    true,
    "unknown",
  ],
  [{ error: "ModelStreamErrorException" }, "model-failed", true, "unknown"],
  [{ error: "ValidationException" }, "invalid-request", false],
  [{ error: "AccessDeniedException" }, "access-denied", false],
  [{ error: "ResourceNotFoundException" }, "model-not-found", false],
  [{ error: "ServiceQuotaExceededException" }, "quota", false],
  [{ error: "ConflictException" }, "invalid-request", false],
  [{ error: "ExpiredTokenException" }, "credentials", false],
  [{ error: "UnrecognizedClientException" }, "credentials", false],
  [{ error: "InvalidSignatureException" }, "credentials", false],
  [{ error: "RequestTimeoutException" }, "unavailable", true],
  [{ status: 429, body: "<html>slow down</html>" }, "throttled", true],
  [{ status: 500, body: "<html>oops</html>" }, "unavailable", true],
  [{ status: 502, body: "<html>bad gateway</html>" }, "unavailable", true],
  [{ status: 503, body: "" }, "unavailable", true],
  [{ status: 504, body: "<html>timeout</html>" }, "unavailable", true],
  [{ status: 408, body: "<html>timeout</html>" }, "unavailable", true],
  [{ status: 401, body: "{}" }, "access-denied", false],
  [{ status: 403, body: "<html>no</html>" }, "access-denied", false],
  [{ status: 404, body: "{}" }, "model-not-found", false],
  [{ status: 413, body: "{}" }, "invalid-request", false],
  [{ cut: "before" }, "connection", true, "unknown"],
];

const messages: [message: string, reason: string][] = [
  [
    "Invocation of model ID x with on-demand throughput isn’t supported. Retry with an inference profile.",
    "model-not-found",
  ],
  ["The provided model identifier is invalid.", "model-not-found"],
  ["This model doesn't support tool use in streaming mode.", "capability"],
  ["This model doesn't support tool use.", "capability"],
  ["This model doesn't support system messages.", "capability"],
  [
    "This model doesn't support the toolConfig.toolChoice.any field.",
    "capability",
  ],
  ["output_config.format: Extra inputs are not permitted", "capability"],
  ["tools.0.custom.strict: Extra inputs are not permitted", "capability"],
  ["The compiled grammar is too large.", "capability"],
  ["For 'object' type, property 'minimum' is not supported", "capability"],
  ["`temperature` is deprecated for this model.", "capability"],
  [
    "`temperature` and `top_p` cannot both be specified for this model.",
    "capability",
  ],
  [
    "Thinking may not be enabled when tool_choice forces tool use.",
    "capability",
  ],
  ["Input is too long for requested model.", "context-overflow"],
  ["prompt is too long: 250000 tokens > 200000 maximum", "context-overflow"],
  ["Malformed input request, please reformat.", "invalid-request"],
];

describe("An error of the service becomes a ModelInvocationError", () => {
  test.each(table)("%j → %s, retryable %s", async (...row) => {
    const [fault, reason, retryable, billed = "none"] = row;
    for (const error of [await ask(fault), await askStreaming(fault)]) {
      expect(ModelInvocationError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ reason, retryable, billed });
      expect(error.cause).toBeInstanceOf(Error);
      if (fault.error) expect(error.serviceError).toBe(fault.error);
    }
  });

  test.each(messages)(
    "ValidationException %j → %s",
    async (message, reason) => {
      const error = await ask({ error: "ValidationException", message });
      expect(error).toMatchObject({ reason, retryable: false });
    },
  );

  test("a model past its end of life names a living one", async () => {
    const error = await failureOf(
      invocation(local, (context) =>
        context.invoke("Hello", undefined, {
          model: "anthropic.claude-3-opus-20240229-v1:0",
        }),
      ),
    );
    expect(error).toMatchObject({
      reason: "model-retired",
      retryable: false,
      httpStatusCode: 404,
    });
    expect(error.message).toMatch(/end of life; use anthropic\.claude-opus-4/);
  });

  test("a missing Anthropic form is a matter of access", async () => {
    const error = await ask({
      error: "ResourceNotFoundException",
      message:
        "Model use case details have not been submitted for this account.",
    });
    expect(error.reason).toBe("access-denied");
  });

  test("it is thrown after one request: nobody below retries", async () => {
    local.reset();
    await ask({ error: "ServiceUnavailableException" });
    expect(local.requests).toHaveLength(1);
  });

  test.each([
    [{ retryAfterSeconds: 7 }, 7_000],
    [{ headers: { "x-amz-retry-after": "1500" } }, 1_500],
    [{ headers: { "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" } }, 0],
    [{ headers: { "retry-after": "soon" } }, undefined],
  ])(
    "it carries the wait the service asks for: %j",
    async (extra, expected) => {
      const error = await ask({ error: "ThrottlingException", ...extra });
      expect(error.retryAfterMs).toBe(expected);
    },
  );

  test("it carries the request id, status and a status code for HTTP", async () => {
    const throttled = await ask({ error: "ThrottlingException" });
    expect(throttled).toMatchObject({
      httpStatusCode: 429,
      statusCode: 503,
      requestId: expect.stringMatching(/[0-9a-f-]{36}/),
    });
    const denied = await ask({ error: "AccessDeniedException" });
    expect(denied).toMatchObject({ httpStatusCode: 403, statusCode: 502 });
  });

  test("its message shows no account number", async () => {
    local.setFaults([{ error: "AccessDeniedException" }]);
    const error = await failureOf(
      invocation(local, (context) =>
        context.invoke("Hello", undefined, {
          model:
            "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc123",
        }),
      ),
    );
    expect(error.message).toContain("abc123 in eu-west-1");
    expect(error.message).not.toContain("123456789012");
  });
});

describe("A broken answer of Converse", () => {
  test.each<[Fault, string]>([
    [{ cut: "headers" }, "interrupted"],
    [{ cut: "body" }, "interrupted"],
    [{ garbage: true }, "interrupted"],
  ])(
    "%j is an interruption that may have been billed",
    async (fault, reason) => {
      const error = await ask(fault);
      expect(error).toMatchObject({
        reason,
        retryable: true,
        billed: "unknown",
      });
    },
  );

  test("a connection lost after the whole body is no failure", async () => {
    local.setFaults([{ cut: "after" }]);
    await expect(
      invocation(local, (context) => context.invoke("Hello")),
    ).resolves.toEqual(expect.any(String));
  });
});

describe("A stream that breaks off after text never looks complete", () => {
  const partial = (fault: Fault) =>
    failureOf(
      invocation(local, async (context) => {
        local.setFaults([fault]);
        const stream = context.stream("Tell me a story about the sea");
        await stream.started;
        for await (const _ of stream);
      }),
    );

  test.each<[string, Fault, string]>([
    ["cut between frames", { cut: "body", afterEvents: 3 }, "interrupted"],
    [
      "cut inside a frame",
      { cut: "body", afterEvents: 3, midFrame: true },
      "interrupted",
    ],
    ["ended without messageStop", { endAfterEvents: 3 }, "interrupted"],
    ["garbage", { garbage: true, afterEvents: 3 }, "interrupted"],
    [
      "an exception",
      { streamError: { name: "throttlingException", afterEvents: 3 } },
      "throttled",
    ],
    [
      "a model error",
      { streamError: { name: "modelStreamErrorException", afterEvents: 3 } },
      "model-failed",
    ],
    [
      "an exception the SDK does not model",
      { streamError: { name: "modelTimeoutException", afterEvents: 3 } },
      "model-failed",
    ],
    [
      "an error frame",
      { errorFrame: { code: "InternalFailure", afterEvents: 3 } },
      "unavailable",
    ],
  ])("%s", async (_, fault, reason) => {
    const error = await partial(fault);
    expect(error).toMatchObject({
      reason,
      retryable: true,
      billed: "partial",
      requestId: expect.any(String),
      partial: {
        text: expect.stringMatching(/\S/),
        usage: {
          estimated: true,
          outputTokens: estimateTokens(error.partial?.text ?? ""),
        },
      },
    });
    expect(JSON.stringify(error)).not.toContain(error.partial?.text);
  });

  test.each<[string, Fault, string]>([
    ["an empty stream", { emptyStream: true }, "interrupted"],
    [
      "an exception as the first event",
      { streamError: { name: "throttlingException" } },
      "throttled",
    ],
    [
      "a validation exception as the first event",
      { streamError: { name: "validationException" } },
      "invalid-request",
    ],
  ])("%s fails before the first byte", async (_, fault, reason) => {
    local.setFaults([fault]);
    await invocation(local, async (context) => {
      const error = await failureOf(context.stream("Hello").started);
      expect(error).toMatchObject({ reason });
      expect(error.partial).toBeUndefined();
    });
  });

  test("after messageStop the answer is complete, whatever happens to the usage", async () => {
    for (const fault of [
      { withoutMetadata: true },
      { cut: "body", afterEvents: 200 },
    ] satisfies Fault[]) {
      local.setFaults([fault]);
      const response = await invocation(
        local,
        (context) => context.stream("Hello").response,
      );
      expect(response).toMatchObject({ stopReason: "end_turn" });
    }
    local.setFaults([{ withoutMetadata: true }]);
    const { usage } = await invocation(
      local,
      (context) => context.stream("Hello").response,
    );
    expect(usage).toMatchObject({ estimated: true });
  });
});

test("A machine that is not there is a connection failure that costs nothing", async () => {
  const closed = await start();
  await closed.close();
  const error = await failureOf(
    invocation(closed, (context) => context.invoke("Hello")),
  );
  expect(error).toMatchObject({
    reason: "connection",
    retryable: true,
    billed: "none",
    serviceError: "ECONNREFUSED",
  });
});

test("What the service quotes of a prompt is in no part of an error that a log prints", async () => {
  const quoted = "my secret is a very long sentence about a bakery";
  const error = await ask({
    error: "ValidationException",
    message: `The text '${quoted}' is not allowed.`,
  });
  expect(error).toMatchObject({
    reason: "invalid-request",
    serviceMessage: "The text '...' is not allowed.",
    cause: { name: "ValidationException" },
  });
  expect(inspect(error, { depth: 10 })).not.toContain(quoted);
});

test("The service's own error is the cause where it quotes nothing", async () => {
  const error = await ask({ error: "AccessDeniedException" });
  expect(error.cause).toMatchObject({ $metadata: { httpStatusCode: 403 } });
});
