import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, type LLMContext } from "@lambdallm/core";
import * as z from "zod";
import { Agent, type AgentTool, type ToolRun, tool } from "../src/index.ts";
import { calling, resultsIn, withModel } from "./support.ts";

/** What the model is told of a call of this tool. */
async function resultOf(one: AgentTool, input = {}, timeoutMs?: number) {
  const agent = new Agent({ name: "user", tools: [one] });
  const { result, model } = await withModel(
    [calling([one.name, input]), "Done."],
    (context) => agent.run("Go.", context),
    { ...(timeoutMs !== undefined && { timeoutMs }) },
  );
  expect(result).toMatchObject({ answer: "Done.", status: "completed" });
  const [told] = resultsIn(model, 2);
  return told;
}

const returning = (run: () => unknown, timeoutMs?: number) =>
  tool({ name: "odd", description: "Does something odd.", timeoutMs, run });

const circular: Record<string, unknown> = {};
circular["self"] = circular;

describe("Whatever a tool does is a result", () => {
  test.each([
    ["returns nothing", () => undefined, "success", "(no output)"],
    ["returns a BigInt", () => 10n, "success", "10"],
    [
      "throws",
      () => {
        throw new TypeError("No such file.");
      },
      "error",
      "TypeError: No such file.",
    ],
    [
      "rejects",
      () => Promise.reject(new Error("Gone.")),
      "error",
      "Error: Gone.",
    ],
    [
      "throws what is not to be shown",
      () => {
        throw new ConfigurationError("The key abc is wrong.");
      },
      "error",
      "The tool failed.",
    ],
  ])("when it %s", async (_what, run, status, words) => {
    expect(await resultOf(returning(run))).toMatchObject({
      status,
      content: [{ text: words }],
    });
  });

  test("when it returns a circular object", async () => {
    expect(await resultOf(returning(() => circular))).toMatchObject({
      status: "success",
    });
  });

  test("when it returns 5 MB", async () => {
    const told = await resultOf(returning(() => "x".repeat(5_000_000)));
    expect(JSON.stringify(told).length).toBeLessThan(300_000);
  });

  test("when it returns more than any journal keeps", async () => {
    expect(
      await resultOf(returning(() => "x".repeat(17 * 1024 * 1024))),
    ).toMatchObject({
      status: "error",
      content: [{ text: "The result of the tool is too large." }],
    });
  });

  test("when it takes longer than its timeout, and its signal aborts", async () => {
    const aborted = Promise.withResolvers<boolean>();
    const slow = tool({
      name: "slow",
      description: "Never ends.",
      timeoutMs: 20,
      run: (_input, { signal }) =>
        new Promise(() => {
          signal.addEventListener("abort", () => aborted.resolve(true));
        }),
    });
    expect(await resultOf(slow)).toMatchObject({
      status: "error",
      content: [{ text: "The tool took longer than 20 ms." }],
    });
    expect(await aborted.promise).toBe(true);
  });

  test("when the function that decides about approval fails, and the tool does not run", async () => {
    let runs = 0;
    const careful = tool({
      name: "careful",
      description: "Needs approval.",
      needsApproval: () => {
        throw new Error("Nobody knows.");
      },
      run: () => {
        runs += 1;
      },
    });
    expect(await resultOf(careful)).toMatchObject({
      status: "error",
      content: [{ text: "The tool failed." }],
    });
    expect(runs).toBe(0);
  });

  test("when its schema's own code fails", async () => {
    const broken = tool({
      name: "broken",
      description: "Has a schema that throws.",
      input: z.object({
        a: z.unknown().transform(() => {
          throw new Error("Oops");
        }),
      }),
      run: () => "never",
    });
    expect(await resultOf(broken, { a: 1 })).toMatchObject({
      status: "error",
      content: [{ text: expect.stringContaining("it could not be checked") }],
    });
  });
});

describe("A tool", () => {
  test("may take one of several kinds of objects", async () => {
    const either = tool({
      name: "either",
      description: "Takes a or b.",
      input: {
        anyOf: [
          { type: "object", required: ["a"] },
          { type: "object", required: ["b"] },
        ],
      },
      run: () => "Taken.",
    });
    expect(await resultOf(either, { b: 1 })).toMatchObject({
      status: "success",
    });
  });

  test("gets its input as its schema gives it, and is told of its run", async () => {
    const seen: unknown[] = [];
    const dated = tool({
      name: "dated",
      description: "Takes a date.",
      input: z.object({ day: z.string().transform((day) => new Date(day)) }),
      run: ({ day }, run: ToolRun<LLMContext & { readonly own?: string }>) => {
        seen.push(day, run);
        return day;
      },
    });
    const agent = new Agent({ name: "user", tools: [dated] });
    const { result } = await withModel(
      [calling(["dated", { day: "2026-11-28" }]), "Done."],
      async (context) => ({ context, ...(await agent.run("Go.", context)) }),
    );
    expect(seen).toEqual([
      new Date("2026-11-28"),
      {
        signal: expect.any(AbortSignal),
        key: expect.stringContaining(result.runId),
        context: result.context,
        toolUseId: "dated-0",
        agent: { name: "user", runId: result.runId },
      },
    ]);
  });

  test("what its model calls cost is in the total", async () => {
    const ask = tool({
      name: "ask",
      description: "Asks another model.",
      run: (_input, { context }) => context.llm.invoke("Hello"),
    });
    const agent = new Agent({ name: "user", tools: [ask] });
    const { result } = await withModel(
      [calling(["ask", {}]), "Hi.", "Done."],
      async (context) => {
        const { totalCostUsd, steps } = await agent.run("Go.", context);
        return { totalCostUsd, spent: context.totalCostUsd, steps };
      },
    );
    expect(result.totalCostUsd).toBe(result.spent);
    expect(result.steps[0]?.toolCalls[0]?.costUsd).toBeGreaterThan(0);
  });

  test("runs beside the others of the same answer, as many as concurrency allows, and all results are in the next message", async () => {
    let running = 0;
    let most = 0;
    const slow = tool({
      name: "slow",
      description: "Takes a moment.",
      input: { number: "integer" },
      run: async ({ number }) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 20 - number));
        running -= 1;
        return number;
      },
    });
    const agent = new Agent({ name: "user", tools: [slow], concurrency: 3 });
    const numbers = [0, 1, 2, 3, 4, 5, 6];
    const { model } = await withModel(
      [
        calling(...numbers.map((number) => ["slow", { number }] as const)),
        "Done.",
      ],
      (context) => agent.run("Go.", context),
    );
    expect(most).toBe(3);
    expect(resultsIn(model, 2).map(({ content }) => content)).toEqual(
      numbers.map((number) => [{ text: `${number}` }]),
    );
  });
});
