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
import { Model, registerModel } from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";
import { aborted, printed } from "../../../test-support/quiet.ts";
import {
  bodyOf,
  clientConfig,
  failureOf,
  invocation,
  start,
} from "./support.ts";

const HOUR_MS = 3_600_000;
const messages = [{ role: "user", content: [{ text: "Count" }] }] as const;
let local: LocalBedrock;
beforeAll(async () => {
  local = await start({ respond: () => "One two three" });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

describe("A call that is stuck before its HTTP request", () => {
  test.each([false, true])(
    "ends at the deadline and has used nothing it knows of (streaming: %s)",
    async (streaming) => {
      const stuck = {
        ...clientConfig(local),
        credentials: () => new Promise<never>(() => {}),
      };
      const response = await invocation(
        local,
        (context) =>
          context.converse({
            messages,
            deadline: Date.now() + 200,
            ...(streaming && { onDelta: () => {} }),
          }),
        { clientConfig: stuck },
      );
      expect(response).toMatchObject({ stopReason: "timeout", text: "" });
      expect(local.requests).toHaveLength(0);
    },
  );

  test("uses and costs nothing when the deadline had passed before", async () => {
    const { usage, cost } = await invocation(local, async (context) => {
      await context.converse({ messages, deadline: 1 });
      return { usage: context.usage, cost: context.totalCostUsd };
    });
    expect(usage).toMatchObject({ inputTokens: 0, outputTokens: 0 });
    expect(cost).toBe(0);
  });
});

describe("countTokens", () => {
  test("ends at the deadline", async () => {
    local.setFaults([{ latencyMs: HOUR_MS }]);
    const error = await failureOf(
      invocation(local, (context) =>
        context.countTokens({ messages, deadline: Date.now() + 200 }),
      ),
    );
    expect(error).toMatchObject({ name: "InvocationTimeoutError" });
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
  });

  test("ends with the caller's signal, before and while it runs", async () => {
    local.setFaults([{ latencyMs: HOUR_MS }]);
    const controller = new AbortController();
    const { signal } = controller;
    await invocation(local, async (context) => {
      const counting = failureOf(context.countTokens({ messages, signal }));
      while (local.requests.length === 0)
        await new Promise((resolve) => setTimeout(resolve, 5));
      controller.abort();
      expect(await counting).toMatchObject({ reason: "aborted" });
      await expect(
        context.countTokens({ messages, signal }),
      ).rejects.toMatchObject({ name: "AbortError" });
    });
    expect(local.requests).toHaveLength(1);
  });

  test("is not left running by a handler that does not wait for it", async () => {
    local.setFaults([{ latencyMs: HOUR_MS }]);
    await invocation(local, async (context) => {
      context.countTokens({ messages });
      while (local.requests.length === 0)
        await new Promise((resolve) => setTimeout(resolve, 5));
    });
    await expect(local.requests[0]?.closed).resolves.toMatchObject({
      byClient: true,
    });
    expect(printed()).toEqual([aborted(1)]);
  });
});

describe("What a model refuses is known by the model, whatever it is called", () => {
  test("an application inference profile is compiled as its base model", async () => {
    const model =
      "arn:aws:bedrock:us-east-1:1:application-inference-profile/haiku";
    registerModel(model, { baseModel: Model.CLAUDE_HAIKU_4_5 });
    await invocation(local, (context) =>
      context.converse({ model, messages, temperature: 0.1, topP: 0.5 }),
    );
    expect(bodyOf(local)["inferenceConfig"]).toEqual({
      maxTokens: 4_096,
      temperature: 0.1,
    });
  });

  const tool = {
    toolSpec: { name: "f", inputSchema: { json: { type: "object" } } },
  };
  test.each([Model.LLAMA3_1_70B, Model.NOVA_LITE])(
    "%s gets no cache points in its tools",
    async (model) => {
      await invocation(local, (context) =>
        context.converse({
          model,
          messages,
          tools: [tool, { cachePoint: { type: "default" } }],
        }),
      );
      expect(bodyOf(local)["toolConfig"]).toEqual({ tools: [tool] });
    },
  );

  test("a cache point that is refused all the same is a matter of capability", async () => {
    local.setFaults([
      {
        error: "AccessDeniedException",
        message:
          "You invoked an unsupported model or your request did not allow prompt caching.",
      },
    ]);
    expect(
      await failureOf(invocation(local, (context) => context.invoke("Hi"))),
    ).toMatchObject({
      reason: "capability",
    });
  });

  test("blank text and emptied messages of an assistant are left out", async () => {
    const use = { toolUse: { toolUseId: "1", name: "f", input: {} } };
    const result = {
      toolResult: { toolUseId: "1", content: [{ text: "ok" }] },
    };
    await invocation(local, (context) =>
      context.converse({
        messages: [
          ...messages,
          { role: "assistant", content: [{ text: "\n\n" }, use] },
          { role: "user", content: [result] },
          { role: "assistant", content: [{ text: " " }] },
        ],
        tools: [tool],
      }),
    );
    expect(bodyOf(local)["messages"]).toEqual([
      ...messages,
      { role: "assistant", content: [use] },
      { role: "user", content: [result] },
    ]);
  });
});

describe("Settings for Bedrock", () => {
  test("that do not exist are refused by name", async () => {
    await expect(
      invocation(local, (context) =>
        context.invoke(
          "Hi",
          {},
          { bedrock: { inferenceConfig: { maxTokens: 5 } } as object },
        ),
      ),
    ).rejects.toThrow(
      'There is no setting "inferenceConfig" in the option bedrock.',
    );
  });

  test("keep the caller's own metadata as it is, and tags as far as there is room", async () => {
    const tags = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`t${index}`, "ü"]),
    );
    await invocation(local, (context) =>
      context.invoke(
        "Hi",
        {},
        { tags, bedrock: { requestMetadata: { mine: "a:b" } } },
      ),
    );
    const metadata = bodyOf(local)["requestMetadata"] as object;
    expect(Object.keys(metadata)).toHaveLength(16);
    expect(metadata).toMatchObject({ mine: "a:b", t19: "_" });
  });

  test("may take the place of messages, for a managed prompt", async () => {
    await invocation(local, (context) =>
      context
        .converse({
          model: "arn:aws:bedrock:us-east-1:123456789012:prompt/ABC:1",
          messages: [],
          bedrock: { promptVariables: { name: { text: "Ada" } } },
        })
        .catch(() => undefined),
    );
    expect(bodyOf(local)).toMatchObject({
      promptVariables: { name: { text: "Ada" } },
    });
  });
});

describe("The client", () => {
  test("is the one in use, also when the AWS configuration decides on the Region", async () => {
    const client = new BedrockRuntimeClient({
      ...clientConfig(local),
      region: "eu-west-1",
      maxAttempts: 1,
    });
    const handler = middy()
      .use(bedrock({ client }))
      .handler(async (_event, context) => {
        const response = await context.converse({
          model: "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
          messages,
        });
        expect(context.getRawClient()).toBe(client);
        expect(context.getRawClient("bedrock-runtime")).toBe(client);
        expect(() => context.getRawClient("dynamodb")).toThrow(
          'There is no client for "dynamodb" here',
        );
        return response.region;
      });
    // It signs for its own Region, whatever the ARN says.
    expect(await handler({}, new MockLambdaContext())).toBe("eu-west-1");
  });
});

test("A body that is no JSON does not show in the error", async () => {
  local.setFaults([{ status: 200, body: "SECRET but no JSON" }]);
  const error = await failureOf(
    invocation(local, (context) => context.invoke("Hi")),
  );
  expect(error).toMatchObject({
    reason: "interrupted",
    serviceError: "SyntaxError",
  });
  expect(String(error.cause)).not.toContain("SECRET");
});
