import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  type Interceptor,
  invocationOf,
  type ModelRequest,
  type Stage,
} from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { before, rejection, run } from "./support.ts";

/** A feature: an interceptor in a stage. */
const feature = (stage: Stage, name: string, intercept: Interceptor) =>
  before(async ({ context }) => {
    invocationOf(context).intercept(stage, name, intercept);
  });

describe.each(middyMajors)("the stages of a call on %s", (_name, middy) => {
  /** What the interceptors, added in this order, did during one call. */
  const traceOf = async (...added: readonly (readonly [Stage, string])[]) => {
    const trace: string[] = [];
    const model = new MockProvider({
      responses: [
        () => {
          trace.push("model");
          return "answer";
        },
      ],
    });
    const features = added.map(([stage, name]) =>
      feature(stage, name, async (request, next) => {
        trace.push(`${name} in`);
        const response = await next(request);
        trace.push(`${name} out`);
        return response;
      }),
    );
    await run(middy, [model.middleware(), ...features], async ({ invoke }) =>
      invoke("Hi"),
    );
    return trace;
  };

  const call = ["call", "router"] as const;
  const retry = ["retry", "retry"] as const;
  const attempt = ["attempt", "cost"] as const;

  test.each([
    [[call, retry, attempt]],
    [[call, attempt, retry]],
    [[retry, call, attempt]],
    [[retry, attempt, call]],
    [[attempt, call, retry]],
    [[attempt, retry, call]],
  ])(
    "nest call, retry, attempt whatever the order of adding: %j",
    async (order) => {
      expect(await traceOf(...order)).toEqual([
        "router in",
        "retry in",
        "cost in",
        "model",
        "cost out",
        "retry out",
        "router out",
      ]);
    },
  );

  test("hold the first one added outermost", async () => {
    expect(
      await traceOf(
        ["attempt", "c"],
        ["call", "a"],
        ["call", "b"],
        ["attempt", "d"],
      ),
    ).toEqual([
      "a in",
      "b in",
      "c in",
      "d in",
      "model",
      "d out",
      "c out",
      "b out",
      "a out",
    ]);
  });

  test("run the attempt's interceptors again with every retry", async () => {
    const trace: string[] = [];
    const model = new MockProvider({
      responses: [new Error("once"), "answer"],
    });
    const answer = await run(
      middy,
      [
        model.middleware(),
        feature("retry", "retry", async (request, next) => {
          trace.push("retry");
          return next(request).catch(() => next(request));
        }),
        feature("attempt", "cost", async (request, next) => {
          trace.push("attempt");
          return next(request);
        }),
        feature("call", "log", async (request, next) => {
          trace.push("call");
          const response = await next(request);
          trace.push(`${response.attempts} attempts`);
          return response;
        }),
      ],
      async ({ invoke }) => invoke("Hi"),
    );
    expect(answer).toBe("answer");
    expect(trace).toEqual([
      "call",
      "retry",
      "attempt",
      "attempt",
      "2 attempts",
    ]);
  });

  test("take one interceptor that retries, and name both when there is a second", async () => {
    const pass: Interceptor = async (request, next) => next(request);
    const error = await rejection(
      run(
        middy,
        [
          new MockProvider().middleware(),
          feature("retry", "retryFallback", pass),
          feature("retry", "myRetry", pass),
        ],
        async ({ invoke }) => invoke("Hi"),
      ),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toHaveProperty(
      "message",
      '"myRetry" cannot be added: "retryFallback" already retries, and two layers would multiply their attempts. Use one of them.',
    );
  });

  test("hand an interceptor's changes on without changing the request it was given", async () => {
    const seen: ModelRequest[] = [];
    const model = new MockProvider();
    await run(
      middy,
      [
        model.middleware(),
        feature("call", "outer", async (request, next) => {
          seen.push(request);
          const response = await next({ ...request, temperature: 0.1 });
          return { ...response, text: "changed" };
        }),
        feature("call", "inner", async (request, next) => {
          seen.push(request);
          return next({ ...request, maxTokens: 7 });
        }),
      ],
      async ({ invoke }) => expect(await invoke("Hi")).toBe("changed"),
    );
    const [outer, inner] = seen;
    expect(outer).not.toHaveProperty("temperature");
    expect(inner).toHaveProperty("temperature", 0.1);
    expect(inner).not.toHaveProperty("maxTokens");
    expect(model.calls[0]?.request).toMatchObject({
      temperature: 0.1,
      maxTokens: 7,
    });
  });

  test("give every call a request of its own", async () => {
    const seen: ModelRequest[] = [];
    const provider = new MockProvider();
    await run(
      middy,
      [
        provider.middleware(),
        feature("call", "watch", async (request, next) => {
          seen.push(request);
          return next(request);
        }),
      ],
      async ({ converse }) => {
        const request = {
          messages: [{ role: "user" as const, content: [{ text: "Hi" }] }],
        };
        await converse(Object.freeze(request));
        await converse(request);
        expect(Object.keys(request)).toEqual(["messages"]);
      },
    );
    expect(seen[0]).not.toBe(seen[1]);
    expect(seen[0]?.signal).not.toBe(seen[1]?.signal);
  });

  test("let an interceptor answer without a model", async () => {
    const model = new MockProvider();
    await run(
      middy,
      [
        model.middleware(),
        feature("call", "cache", async (request) => ({
          message: { role: "assistant", content: [{ text: "cached" }] },
          text: "cached",
          stopReason: "end_turn",
          usage: {
            inputTokens: 0,
            outputTokens: 0,
            totalTokens: 0,
            cacheReadInputTokens: 0,
            cacheWriteInputTokens: 0,
          },
          model: request.model,
          latencyMs: 0,
          costUsd: 0,
          attempts: 0,
        })),
      ],
      async ({ converse }) => {
        const response = await converse({
          messages: [{ role: "user", content: [{ text: "Hi" }] }],
        });
        expect(response).toMatchObject({ text: "cached", attempts: 0 });
      },
    );
    expect(model.totalCalls).toBe(0);
  });

  test("pass on what an interceptor throws, also before its first await", async () => {
    const mine = new Error("mine");
    const error = await rejection(
      run(
        middy,
        [
          new MockProvider().middleware(),
          feature("call", "broken", () => {
            throw mine;
          }),
        ],
        async ({ invoke }) => invoke("Hi"),
      ),
    );
    expect(error).toBe(mine);
  });
});
