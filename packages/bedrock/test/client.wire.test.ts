import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import { invocationOf } from "@lambdallm/core/feature";
import type { LocalBedrock } from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";
import { clientConfig, failureOf, invocation, start } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await start({ respond: () => "One two three four five six" });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

const message = { role: "user", content: [{ text: "Count" }] } as const;

describe("A client of the caller's own on HTTP/2, the SDK's default", () => {
  const ask = (run: Parameters<typeof invocation>[1]) => {
    const client = new BedrockRuntimeClient({
      region: "us-east-1",
      ...clientConfig(local),
      maxAttempts: 1,
    });
    const handler = middy()
      .use(bedrock({ client }))
      .handler(async (_event, context) => run(context));
    return handler({}, new MockLambdaContext()).finally(() => client.destroy());
  };

  test("works", async () => {
    expect(await ask((context) => context.invoke("Count"))).toBe(
      "One two three four five six",
    );
    expect(local.requests[0]?.httpVersion).toBe("2.0");
  });

  test("streams, and a stream that just ends is not taken for complete", async () => {
    local.setFaults([{ cut: "body", afterEvents: 3 }]);
    const error = await failureOf(
      ask(async (context) => {
        for await (const _ of context.stream("Count"));
      }),
    );
    expect(error).toMatchObject({
      reason: "interrupted",
      retryable: true,
      billed: "partial",
    });
  });

  test.each(["headers", "body"] as const)(
    "reports an answer that broke off in its %s as an interruption",
    async (cut) => {
      local.setFaults([{ cut }]);
      const error = await failureOf(ask((context) => context.invoke("Count")));
      expect(error).toMatchObject({ reason: "interrupted", retryable: true });
    },
  );

  test("reports a connection that was lost before the answer", async () => {
    local.setFaults([{ cut: "before" }]);
    const error = await failureOf(ask((context) => context.invoke("Count")));
    expect(error).toMatchObject({ reason: "connection", retryable: true });
  });
});

describe("Odd answers", () => {
  test("without a message are interruptions, not empty answers", async () => {
    local.setFaults([{ status: 200, body: "{}" }]);
    const error = await failureOf(
      invocation(local, (context) => context.converse({ messages: [message] })),
    );
    expect(error).toMatchObject({
      reason: "interrupted",
      retryable: true,
      billed: "unknown",
    });
  });

  test("without a stop reason or usage are taken as far as they go", async () => {
    const content = [{ text: "x" }];
    const body = { output: { message: { role: "assistant", content } } };
    local.setFaults([{ status: 200, body: JSON.stringify(body) }]);
    const response = await invocation(local, (context) =>
      context.converse({ messages: [message] }),
    );
    expect(response).toMatchObject({
      text: "x",
      stopReason: "end_turn",
      usage: { estimated: true },
    });
  });

  test("of countTokens without a count are 0", async () => {
    local.setFaults([{ status: 200, body: "{}" }]);
    const tokens = await invocation(local, (context) =>
      context.countTokens({ messages: [message] }),
    );
    expect(tokens).toBe(0);
  });

  test("echo the service tier, which has no known price unless it is the default", async () => {
    const body = (type: string) =>
      JSON.stringify({
        output: { message: { role: "assistant", content: [{ text: "x" }] } },
        stopReason: "end_turn",
        usage: { inputTokens: 1, outputTokens: 1 },
        serviceTier: { type },
        performanceConfig: { latency: "optimized" },
      });
    local.setFaults([
      { status: 200, body: body("default") },
      { status: 200, body: body("flex") },
    ]);
    await invocation(local, async (context) => {
      const usual = await context.converse({ messages: [message] });
      expect(usual).toMatchObject({
        serviceTier: "default",
        // 1.10 and 5.50 USD per million tokens, in the profile of a geography.
        costUsd: 0.0000066,
        bedrock: { performanceConfig: { latency: "optimized" } },
      });
      const flex = await context.converse({ messages: [message] });
      expect(flex).toMatchObject({ serviceTier: "flex", costUsd: undefined });
    });
  });

  test("a failure that nobody has a name for is unknown and not retried", async () => {
    const requestHandler = {
      metadata: { handlerProtocol: "http/1.1" },
      handle: async () => {
        throw new Error("odd");
      },
    };
    const error = await failureOf(
      invocation(local, (context) => context.invoke("Count"), {
        clientConfig: { ...clientConfig(local), requestHandler },
      }),
    );
    expect(error).toMatchObject({
      reason: "unknown",
      retryable: false,
      billed: "unknown",
    });
    expect(error.message).toContain("failed for an unknown reason");
  });
});

describe("The signal", () => {
  test("may abort while the client is still looking for its Region", async () => {
    const controller = new AbortController();
    const client = new BedrockRuntimeClient({
      ...clientConfig(local),
      maxAttempts: 1,
      region: async () => {
        controller.abort();
        return "us-east-1";
      },
    });
    const handler = middy()
      .use(bedrock({ client }))
      .handler(async (_event, context) =>
        context.invoke("Count", undefined, { signal: controller.signal }),
      );
    expect(await failureOf(handler({}, new MockLambdaContext()))).toMatchObject(
      { reason: "aborted" },
    );
    expect(local.requests).toHaveLength(0);
  });

  test("may be left out by an interceptor", async () => {
    const answer = await invocation(local, async (context) => {
      invocationOf(context).intercept(
        "attempt",
        "careless",
        ({ signal: _, ...request }, next) => next(request),
      );
      return context.invoke("Count");
    });
    expect(answer).toContain("One");
  });
});

test("A system prompt of the middleware goes with every call", async () => {
  await invocation(local, (context) => context.invoke("Count"), {
    system: "Be brief.",
  });
  expect(local.requests[0]?.body).toMatchObject({
    system: [{ text: "Be brief." }],
  });
});
