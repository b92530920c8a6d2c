import { describe, expect, test } from "@jest/globals";
import { chain } from "@lambdallm/chain";
import { InvocationTimeoutError, Suspended } from "@lambdallm/core";
import type { ModelRequest, ProviderResponse } from "@lambdallm/core/feature";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryJournal } from "@lambdallm/core/stores";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import timeoutGuard from "@lambdallm/timeout-guard";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answering,
  type HandlerContext,
  inHandler,
  PRICED,
  providerOf,
  rejection,
} from "./support.ts";

/** A provider that was stopped by the deadline, with what it had, when the prompt is "slow". */
function cutOff(text: string) {
  const requests: ModelRequest[] = [];
  const middleware = providerOf(async (request) => {
    requests.push(request);
    const [block] = request.messages.at(-1)?.content ?? [];
    const isSlow =
      block !== undefined && "text" in block && block.text === "slow";
    return answerOf(isSlow ? text : "done", isSlow ? "timeout" : "end_turn");
  });
  return { middleware, requests };
}

function answerOf(text: string, stopReason: string): ProviderResponse {
  return {
    message: { role: "assistant", content: [{ text }] },
    text,
    stopReason,
    usage: {
      inputTokens: 1_000_000,
      outputTokens: 0,
      totalTokens: 1_000_000,
      cacheReadInputTokens: 0,
      cacheWriteInputTokens: 0,
    },
    model: PRICED,
    latencyMs: 1,
  };
}

const slowIn = (timeoutStrategy?: "fail-fast" | "truncate" | "checkpoint") =>
  chain("slow", { timeoutStrategy })
    .step({ name: "fast", prompt: "fast" })
    .step({ name: "slow", prompt: "slow" })
    .step({ name: "next", prompt: "{slow.output}" });

describe.each(middyMajors)(
  "A step that the deadline cuts off, on %s,",
  (_name, middy) => {
    test.each([undefined, "fail-fast" as const])(
      "has failed with the strategy %s",
      async (strategy) => {
        const { middleware } = cutOff("half");
        const result = await inHandler(
          (context) => slowIn(strategy).run(context),
          { middy, provider: middleware },
        );
        expect(result).toMatchObject({
          status: "failed",
          error: { step: "slow", code: "INVOCATION_TIMEOUT", statusCode: 504 },
          outputs: { fast: "done" },
          totalCostUsd: 2,
        });
        expect(result.finalOutput).toBeUndefined();
      },
    );

    test("leaves its text so far with the strategy truncate", async () => {
      const { middleware, requests } = cutOff("half");
      const result = await inHandler(
        (context) => slowIn("truncate").run(context),
        {
          middy,
          provider: middleware,
        },
      );
      expect(result).toMatchObject({
        status: "truncated",
        outputs: { fast: "done", slow: "half" },
        steps: [
          { status: "completed" },
          { status: "truncated" },
          { status: "not-run" },
        ],
        totalCostUsd: 2,
      });
      expect(result.error).toBeUndefined();
      // What is not streamed is lost at the deadline.
      expect(
        requests.map(({ onDelta, deltas }) => [typeof onDelta, deltas]),
      ).toEqual([
        ["function", []],
        ["function", []],
      ]);
    });

    test("does as the timeout guard says when the chain says nothing", async () => {
      const { middleware } = cutOff("half");
      const result = await inHandler((context) => slowIn().run(context), {
        middy,
        provider: middleware,
        more: [timeoutGuard({ strategy: "truncate" })],
      });
      expect(result).toMatchObject({
        status: "truncated",
        outputs: { slow: "half" },
      });
    });
  },
);

describe("With the strategy truncate", () => {
  test("nothing is left of half a value, or of an answer that had not begun", async () => {
    const half = cutOff('{"title": "ha');
    const value = await inHandler(
      (context) =>
        chain("cut", { timeoutStrategy: "truncate" })
          .step({
            name: "a",
            prompt: "slow",
            outputSchema: { title: "string" },
          })
          .run(context),
      { provider: half.middleware },
    );
    expect(value).toMatchObject({
      status: "truncated",
      outputs: { a: undefined },
    });
    expect(half.requests[0]?.onDelta).toBeUndefined();
    const nothing = await inHandler(
      (context) => slowIn("truncate").run(context),
      {
        provider: cutOff("").middleware,
      },
    );
    expect(nothing).toMatchObject({
      status: "truncated",
      outputs: { slow: undefined },
    });
    expect(nothing.steps[1]).not.toHaveProperty("output");
  });

  test("nothing is left of an answer that nobody has seen anything of", async () => {
    const result = await inHandler(
      (context) => slowIn("truncate").run(context),
      {
        provider: providerOf(async () => {
          throw new InvocationTimeoutError("It hangs.");
        }),
      },
    );
    expect(result).toMatchObject({
      status: "truncated",
      outputs: { fast: undefined },
    });
  });

  test("a function whose calls are cut off leaves nothing; one that catches it decides itself", async () => {
    const result = await inHandler(
      (context) =>
        chain("cut", { timeoutStrategy: "truncate" })
          .step({ name: "a", func: ({ llm }) => llm.invoke("slow") })
          .step({
            name: "b",
            needs: [],
            func: async ({ llm }) => llm.invoke("slow").catch(() => "mine"),
          })
          .run(context),
      { provider: cutOff("half").middleware },
    );
    expect(result).toMatchObject({
      status: "truncated",
      outputs: { a: undefined, b: "mine" },
    });
  });
});

describe("A function that does not end", () => {
  test("is not waited for when the time is over", async () => {
    const signals: AbortSignal[] = [];
    const result = await inHandler(
      (context) =>
        chain("hanging")
          .step({
            name: "a",
            func: ({ info }) => {
              signals.push(info.signal);
              return new Promise<string>(() => {});
            },
          })
          .run(context),
      { context: new MockLambdaContext({ timeoutMs: 600 }) },
    );
    expect(result.error).toMatchObject({
      step: "a",
      code: "INVOCATION_TIMEOUT",
      message: 'The step "a" had not ended when the time was over.',
    });
    expect(signals[0]?.aborted).toBe(true);
  });
});

describe("With the strategy checkpoint", () => {
  test("a run with a journal in memory says where it stopped, and goes on from there", async () => {
    const journal = memoryJournal({ runId: "run-1" });
    const stopped = await inHandler(
      (context) => slowIn("checkpoint").run(context, {}, { journal }),
      { provider: cutOff("half").middleware },
    );
    expect(stopped).toEqual({
      status: "checkpointed",
      steps: [
        { name: "fast", status: "completed", output: "done", costUsd: 1 },
        { name: "slow", status: "not-run", costUsd: 0 },
        { name: "next", status: "not-run", costUsd: 0 },
      ],
      outputs: { fast: "done", slow: undefined, next: undefined },
      finalOutput: undefined,
      totalCostUsd: 1,
      runId: "run-1",
    });
    const model = answering((prompt) => `<${prompt}>`);
    const resumed = await inHandler(
      (context) =>
        slowIn("checkpoint").run(context, {}, { journal: journal.resume() }),
      { provider: model.middleware() },
    );
    expect(resumed).toMatchObject({
      status: "completed",
      outputs: { fast: "done", slow: "<slow>", next: "<<slow>>" },
      runId: "run-1",
    });
    expect(model.calls.map(({ prompt }) => prompt)).toEqual(["slow", "<slow>"]);
    // What the part that was cut off has cost counts, too.
    expect(resumed.steps[1]?.costUsd).toBeGreaterThan(1);
  });

  test("the journal of the invocation is used, and without one the result says that the run was cut", async () => {
    const { status, runId } = await inHandler(
      (context) => slowIn("checkpoint").run(context),
      { provider: cutOff("half").middleware },
    );
    expect(status).toBe("checkpointed");
    expect(runId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("Suspended passes through where somebody else can resume the run", async () => {
    const journal = memoryJournal();
    const error = await inHandler(
      async (context: HandlerContext) => {
        // As a journal on a store is one.
        invocationOf(context).journal = {
          runId: journal.runId,
          step: (...given) => journal.step(...given),
          all: (...given) => journal.all(...given),
          sleep: (...given) => journal.sleep(...given),
          ask: (...given) => journal.ask(...given),
        };
        return rejection(slowIn().run(context));
      },
      {
        provider: cutOff("half").middleware,
        more: [timeoutGuard({ strategy: "checkpoint" })],
      },
    );
    expect(error).toBeInstanceOf(Suspended);
  });

  test("a step that fails is a failure all the same", async () => {
    const result = await inHandler(
      (context) =>
        chain("failing", { timeoutStrategy: "checkpoint" })
          .step({
            name: "a",
            func: () => {
              throw new Error("No.");
            },
          })
          .run(context),
      { provider: new MockProvider().middleware() },
    );
    expect(result.status).toBe("failed");
  });
});
