import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { type LLMContext, Model, type Tool } from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import { circuitStates, resetRetryState } from "@lambdallm/retry-fallback";
import { fakeDate } from "../../../test-support/fake-date.ts";
import { invocation, REGION, start } from "./wire-support.ts";

const FIRST = `global.${Model.CLAUDE_HAIKU_4_5}`;
const FALLBACK = Model.NOVA_LITE;
const invoke = async (context: LLMContext) => context.invoke("Hello there");

let local: LocalBedrock;
beforeAll(async () => {
  local = await start({ respond: () => "Hello to you" });
});
beforeEach(() => {
  resetRetryState();
  local.reset();
});
afterEach(() => {
  jest.useRealTimers();
});
afterAll(() => local.close());

describe("A Retry-After of 20 seconds with 3 seconds left", () => {
  const slow = { error: "ThrottlingException", retryAfterSeconds: 20 } as const;
  const timeoutMs = 3_500;

  test("fails at once", async () => {
    local.setFaults([slow]);
    const { asked, error } = await invocation(local, invoke, { timeoutMs });
    expect(asked).toEqual([FIRST]);
    expect(error).toMatchObject({ reason: "throttled", retryAfterMs: 20_000 });
  });

  test("goes to the fallback at once", async () => {
    local.setFaults([slow]);
    const { asked, result } = await invocation(local, invoke, {
      timeoutMs,
      // Whatever a slow machine leaves of the three seconds is enough.
      retry: { fallbackModel: FALLBACK, minAttemptMs: 0 },
    });
    expect(asked).toEqual([FIRST, FALLBACK]);
    expect(result).toBe("Hello to you");
  });
});

describe("In an outage", () => {
  const calls = async ({ invoke }: LLMContext) =>
    Promise.allSettled(Array.from({ length: 20 }, () => invoke("Hello")));

  test("calls at the same time send no more than the budget allows", async () => {
    local.setFaults(() => ({ error: "ServiceUnavailableException" }));
    const retry = { retryBudget: 70, circuit: false } as const;
    const { asked } = await invocation(local, calls, { retry });
    expect(asked).toHaveLength(20 + 5);
  });

  test("nor do calls of several invocations at the same time", async () => {
    local.setFaults(() => ({ error: "ServiceUnavailableException" }));
    const retry = { retryBudget: 70, circuit: false } as const;
    await Promise.all(
      Array.from({ length: 20 }, () => invocation(local, invoke, { retry })),
    );
    expect(local.requests).toHaveLength(20 + 5);
  });

  test("the circuit opens, is probed by one request, and closes", async () => {
    // Only the date is told: sockets and waits keep the time of the machine.
    jest.useFakeTimers({
      now: Date.UTC(2026, 10, 22),
      doNotFake: [
        "clearImmediate",
        "clearInterval",
        "clearTimeout",
        "nextTick",
        "performance",
        "queueMicrotask",
        "setImmediate",
        "setInterval",
        "setTimeout",
      ],
    });
    local.setFaults(() => ({ error: "InternalServerException" }));
    const retry = { maxRetries: 0, fallbackModel: FALLBACK } as const;
    const onlyFirst = { maxRetries: 0 } as const;
    for (let times = 0; times < 5; times += 1)
      await invocation(local, invoke, { retry: onlyFirst });
    const place = { provider: "bedrock", region: REGION, model: FIRST };
    expect(circuitStates()).toEqual([
      {
        ...place,
        state: "open",
        failures: 5,
        retryAt: Date.now() + 30_000,
      },
    ]);

    local.setFaults([]);
    const refused = await invocation(local, invoke, { retry: onlyFirst });
    expect(refused.asked).toEqual([]);
    expect(refused.error).toMatchObject({
      reason: "circuit-open",
      retryAfterMs: 30_000,
    });
    const fellBack = await invocation(local, invoke, { retry });
    expect(fellBack.asked).toEqual([FALLBACK]);

    jest.setSystemTime(Date.now() + 30_000);
    const { asked } = await invocation(local, calls, { retry });
    // One probes; the others do not wait for what it finds out.
    expect(asked.filter((model) => model === FIRST)).toHaveLength(1);
    expect(asked.filter((model) => model === FALLBACK)).toHaveLength(19);
    expect(circuitStates()).toContainEqual({
      ...place,
      state: "closed",
      failures: 0,
    });
    const after = await invocation(local, invoke, { retry });
    expect(after.asked).toEqual([FIRST]);
  });

  test("the circuit of another Region stays closed", async () => {
    local.setFaults([{ error: "InternalServerException" }]);
    const retry = { maxRetries: 0, circuit: { failureThreshold: 1 } } as const;
    await invocation(local, invoke, { retry });
    const { result } = await invocation(local, invoke, {
      retry,
      bedrock: { region: "eu-west-1" },
    });
    expect(result).toBe("Hello to you");
    expect(circuitStates().map(({ region, state }) => [region, state])).toEqual(
      [
        [REGION, "open"],
        ["eu-west-1", "closed"],
      ],
    );
  });
});

test("A model past its end of life is replaced by the fallback", async () => {
  const retired = Model.CLAUDE_3_OPUS;
  const { asked, result } = await invocation(local, invoke, {
    bedrock: { model: retired },
    retry: { fallbackModel: FALLBACK },
  });
  expect(asked).toEqual([retired, FALLBACK]);
  expect(result).toBe("Hello to you");
});

test("The totals count every attempt that was billed", async () => {
  local.setFaults([{ error: "ThrottlingException" }]);
  const { result } = await invocation(local, async (context) => {
    await context.invoke("Hello there");
    const { calls, attempts, failedAttempts } = context.metrics;
    return { calls, attempts, failedAttempts };
  });
  expect(result).toEqual({ calls: 1, attempts: 2, failedAttempts: 1 });
});

describe("The request is adapted to a fallback of another family", () => {
  // The catalog's models end one day; these tests do not.
  beforeEach(() => fakeDate(Date.UTC(2026, 10, 22)));

  const weather: Tool = {
    toolSpec: {
      name: "weather",
      description: "The weather in a city",
      inputSchema: { json: { type: "object", properties: {} } },
    },
  };
  const reasoning = {
    reasoningContent: { reasoningText: { text: "Hm.", signature: "signed" } },
  };

  /** The bodies that the first model and its fallback got. */
  const bodies = async (
    first: string,
    fallback: string,
    request: Partial<Parameters<LLMContext["converse"]>[0]>,
    service = local,
  ) => {
    service.setFaults([{ error: "ServiceQuotaExceededException" }]);
    const { error } = await invocation(
      service,
      async ({ converse }) =>
        converse({
          messages: [{ role: "user", content: [{ text: "Well?" }] }],
          ...request,
        }),
      { bedrock: { model: first }, retry: { fallbackModel: fallback } },
    );
    expect(error).toBeUndefined();
    const [before, after] = service.requests.slice(-2);
    expect([before?.modelId, after?.modelId]).toEqual([first, fallback]);
    return [before?.body, after?.body] as Record<string, unknown>[];
  };

  test("what only the first model understands is left out", async () => {
    const [before, after] = await bodies(FIRST, FALLBACK, {
      system: "Be brief.",
      tools: [weather],
      maxTokens: 60_000,
      temperature: 0,
      tags: { feature: "chat" },
      messages: [
        { role: "user", content: [{ text: "Hi" }] },
        { role: "assistant", content: [reasoning, { text: "Hello" }] },
        { role: "user", content: [{ text: "Well?" }] },
      ],
      bedrock: {
        additionalModelRequestFields: { top_k: 5 },
        guardrailConfig: { guardrailIdentifier: "g", guardrailVersion: "1" },
      },
    });
    const shared = {
      system: [{ text: "Be brief." }],
      toolConfig: { tools: [weather] },
      requestMetadata: { feature: "chat" },
      guardrailConfig: { guardrailIdentifier: "g", guardrailVersion: "1" },
    };
    expect(before).toMatchObject({
      ...shared,
      inferenceConfig: { maxTokens: 60_000, temperature: 0 },
      additionalModelRequestFields: { top_k: 5 },
    });
    expect(JSON.stringify(before)).toContain("signed");
    expect(after).toMatchObject({
      ...shared,
      // No more than this model can write.
      inferenceConfig: { maxTokens: 10_000, temperature: 0 },
    });
    expect(after).not.toHaveProperty("additionalModelRequestFields");
    expect(JSON.stringify(after)).not.toContain("signed");
  });

  test("sampling is left out for a model that refuses it", async () => {
    const [before, after] = await bodies(
      FALLBACK,
      `global.${Model.CLAUDE_OPUS_5}`,
      {
        temperature: 0.2,
        topP: 0.9,
        maxTokens: 50,
      },
    );
    expect(before).toMatchObject({
      inferenceConfig: { maxTokens: 50, temperature: 0.2, topP: 0.9 },
    });
    expect(after?.["inferenceConfig"]).toEqual({ maxTokens: 50 });
  });

  test("a system prompt goes in front of the first message where there is no system field", async () => {
    // When there was such a model.
    fakeDate(Date.UTC(2025, 5, 1));
    await using earlier = await start({ now: () => Date.now() });
    const [before, after] = await bodies(
      FALLBACK,
      Model.TITAN_TEXT_EXPRESS,
      { system: "Be brief." },
      earlier,
    );
    expect(before).toMatchObject({ system: [{ text: "Be brief." }] });
    expect(after).not.toHaveProperty("system");
    expect(after).toMatchObject({
      messages: [{ role: "user", content: [{ text: "Be brief.\n\nWell?" }] }],
    });
  });

  test("a schema is asked for in the way that the fallback has", async () => {
    await using answering = await start();
    answering.setFaults([{ error: "ServiceQuotaExceededException" }]);
    const { result } = await invocation(
      answering,
      async ({ invokeStructured }) =>
        invokeStructured("A title, please", { title: "string" }),
      { retry: { fallbackModel: FALLBACK } },
    );
    expect(result).toEqual({ title: expect.any(String) });
    const [before, after] = answering.requests.map(({ body }) => body);
    expect(before).toHaveProperty("outputConfig");
    expect(after).not.toHaveProperty("outputConfig");
    expect(after).toHaveProperty("toolConfig");
  });
});
