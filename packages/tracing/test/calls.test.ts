import { afterEach, describe, expect, test } from "@jest/globals";
import { Model, ModelInvocationError, Prompt } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { SpanStatusCode } from "@opentelemetry/api";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace";
import { middyMajors } from "../../../test-support/middy.ts";
import { attributesOf, rejection, run, setUp, tearDown } from "./support.ts";

const MODEL = Model.CLAUDE_HAIKU_4_5;

afterEach(tearDown);

describe.each(middyMajors)("A model call on %s", (_name, middy) => {
  test("is a client's span with its attempt below it", async () => {
    const sdk = setUp();
    const model = new MockProvider({
      responses: [
        {
          text: "Hello!",
          usage: {
            inputTokens: 10,
            outputTokens: 2,
            cacheReadInputTokens: 100,
            cacheWriteInputTokens: 1_000,
          },
        },
      ],
    });
    await run(middy, ({ invoke }) => invoke("Hello"), { model });
    expect(sdk.tree()).toEqual([`>chat ${MODEL}`, "  attempt"]);
    expect(attributesOf(sdk.span(`chat ${MODEL}`))).toStrictEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "mock",
      "gen_ai.request.model": MODEL,
      "gen_ai.request.max_tokens": 4_096,
      "gen_ai.response.model": MODEL,
      "gen_ai.response.finish_reasons": ["end_turn"],
      "gen_ai.usage.input_tokens": 1_110,
      "gen_ai.usage.output_tokens": 2,
      "gen_ai.usage.cache_read.input_tokens": 100,
      "gen_ai.usage.cache_write.input_tokens": 1_000,
      "lambdallm.cost.usd": expect.any(Number),
    });
    expect(attributesOf(sdk.span("attempt"))).toStrictEqual({
      "lambdallm.attempt": 1,
      "gen_ai.request.model": MODEL,
    });
  });

  test("tells what was asked for", async () => {
    const sdk = setUp();
    const prompt = new Prompt({
      name: "greeting",
      version: "2",
      template: "Hello",
    });
    const model = new MockProvider({ responses: [{ value: { a: "b" } }] });
    await run(
      middy,
      (context) =>
        context.invokeStructured(
          prompt,
          { a: "string" },
          {},
          {
            maxTokens: 100,
            temperature: 0.5,
            topP: 0.9,
            stopSequences: ["end"],
            bedrock: {
              guardrailConfig: { guardrailIdentifier: "guard" },
              additionalModelRequestFields: {
                top_k: 5,
                reasoning_effort: "low",
              },
            },
          },
        ),
      { model },
    );
    expect(attributesOf(sdk.span(`chat ${MODEL}`))).toMatchObject({
      "gen_ai.request.max_tokens": 100,
      "gen_ai.request.temperature": 0.5,
      "gen_ai.request.top_p": 0.9,
      "gen_ai.request.top_k": 5,
      "gen_ai.request.stop_sequences": ["end"],
      "gen_ai.request.reasoning.level": "low",
      "gen_ai.prompt.name": "greeting",
      "gen_ai.prompt.version": "2",
      "gen_ai.output.type": "json",
      "aws.bedrock.guardrail.id": "guard",
    });
  });

  test("that fails has the type of its error, and the message that says nothing of what was said", async () => {
    const sdk = setUp();
    const error = new ModelInvocationError("Too many requests.", {
      reason: "throttled",
      model: MODEL,
      httpStatusCode: 429,
      requestId: "request-1",
      serviceMessage: "SECRET",
    });
    const model = new MockProvider({ responses: [error] });
    const thrown = await run(
      middy,
      ({ invoke }) => rejection(invoke("Hello")),
      { model },
    );
    expect(thrown).toBe(error);
    const chat = sdk.span(`chat ${MODEL}`);
    expect(chat.status).toStrictEqual({
      code: SpanStatusCode.ERROR,
      message: "Too many requests.",
    });
    expect(attributesOf(chat)).toMatchObject({
      "error.type": "throttled",
      "gen_ai.response.id": "request-1",
      "gen_ai.usage.input_tokens": 0,
    });
    expect(attributesOf(sdk.span("attempt"))).toStrictEqual({
      "lambdallm.attempt": 1,
      "gen_ai.request.model": MODEL,
      "error.type": "throttled",
      "http.response.status_code": 429,
    });
    expect(sdk.text()).not.toContain("SECRET");
  });

  test("costs no attribute but the first ones where it is not sampled", async () => {
    const seen: unknown[] = [];
    const sampler = new AlwaysOffSampler();
    const sdk = setUp({
      sampler: {
        shouldSample(...given: unknown[]) {
          const [, , name, , attributes] = given;
          seen.push(name, attributes);
          return sampler.shouldSample();
        },
        toString: () => "watching",
      },
    });
    expect(await run(middy, ({ invoke }) => invoke("Hello"))).toBe(
      "Mock response",
    );
    expect(sdk.spans).toEqual([]);
    expect(seen).toEqual([
      `chat ${MODEL}`,
      {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "mock",
        "gen_ai.request.model": MODEL,
      },
      "attempt",
      { "lambdallm.attempt": 1, "gen_ai.request.model": MODEL },
    ]);
  });

  test("is as before where OpenTelemetry is not set up", async () => {
    tearDown();
    expect(await run(middy, ({ invoke }) => invoke("Hello"))).toBe(
      "Mock response",
    );
  });

  test("has the other's spans below its own where a context has none", async () => {
    const sdk = setUp();
    await run(middy, async (context) => {
      const { operations } = invocationOf(context);
      await operations.run(
        {
          ...{ kind: "tool", name: "look", toolUseId: "t", description: "" },
          ...{ agent: "a", input: {} },
          run: { id: "run-1", isResumable: false },
        },
        () => context.invoke("Hello"),
        () => ({
          status: "completed",
          result: { status: "success", content: [] },
        }),
      );
    });
    expect(sdk.tree()).toEqual([
      "execute_tool look",
      `  >chat ${MODEL}`,
      "    attempt",
    ]);
  });

  test("that has begun before has the attempts that begin in its time", async () => {
    const sdk = setUp();
    const gate = Promise.withResolvers<void>();
    let called: Promise<unknown> | undefined;
    const provider = new MockProvider().middleware();
    const beginning: typeof provider = {
      ...provider,
      before: async (request) => {
        await provider.before(request);
        invocationOf(request.context).intercept(
          ...(["call", "waits"] as const),
          async (asked, next) => {
            await gate.promise;
            return next(asked);
          },
        );
        called = request.context.invoke("Hello");
      },
    };
    await run(
      middy,
      async () => {
        gate.resolve();
        await called;
      },
      { model: { middleware: () => beginning } },
    );
    expect(sdk.tree()).toEqual(["attempt"]);
  });
});
