import { describe, expect, test } from "@jest/globals";
import { Chain, chain, Step } from "@lambdallm/chain";
import { memoryJournal } from "@lambdallm/core/stores";
import { MockProvider } from "@lambdallm/testing";
import { answering, inHandler } from "./support.ts";

/** Output tokens that cost one cent, at 5 USD per million. */
const CENT_TOKENS = 2_000;

/** Answers that cost as many cents as the prompt says; the input costs next to nothing. */
const costing = () =>
  answering((prompt) => ({
    text: prompt,
    usage: {
      inputTokens: 0,
      outputTokens: Number.parseInt(prompt, 10) * CENT_TOKENS,
    },
  }));

/** A step that costs some cents, and could cost at most some more. */
const step = (
  name: string,
  cents: number,
  mostCents: number,
  needs: readonly string[] = [],
) =>
  new Step({
    name,
    prompt: `${cents} cents`,
    maxTokens: mostCents * CENT_TOKENS,
    needs,
  });

/** What the input of a prompt this short could cost at most is less than half a cent. */
const dollars = (cents: number) => (cents + 0.5) / 100;

describe("The budget of a chain", () => {
  test("refuses a step before anything is sent that could take it over", async () => {
    const model = costing();
    const result = await inHandler(
      (context) =>
        new Chain({
          name: "report",
          maxTotalCostUsd: dollars(4),
          steps: [
            step("a", 1, 2),
            step("b", 2, 3, ["a"]),
            step("c", 1, 2, ["b"]),
            step("d", 1, 1, ["c"]),
          ],
        }).run(context),
      { provider: model.middleware() },
    );
    expect(result).toMatchObject({
      status: "failed",
      steps: [
        { status: "completed", costUsd: 0.01 },
        { status: "completed", costUsd: 0.02 },
        { status: "failed", costUsd: 0 },
        { status: "not-run", costUsd: 0 },
      ],
      totalCostUsd: 0.03,
      error: {
        step: "c",
        code: "BUDGET_EXCEEDED",
        statusCode: 429,
        data: {
          scope: "chain report",
          period: "run",
          limitUsd: dollars(4),
          usedUsd: 0.03,
        },
      },
    });
    expect(result.error?.message).toMatch(
      /^Chain "report": a call of the step "c" could cost 0\.02\d* USD, and 0\.03 of 0\.045 USD \(maxTotalCostUsd\) are spent\. Nothing was sent\.$/,
    );
    expect(model.totalCalls).toBe(2);
  });

  test("is enough for steps at the same time that could not all cost the most: the one waits for the others", async () => {
    const begun: string[] = [];
    const model = answering(async (prompt) => {
      begun.push(prompt);
      // The others could begin meanwhile.
      for (let turn = 0; turn < 5; turn++)
        await new Promise((resolve) => setImmediate(resolve));
      expect(begun.splice(0)).toHaveLength(1);
      return {
        text: prompt,
        usage: { inputTokens: 0, outputTokens: CENT_TOKENS },
      };
    });
    const result = await inHandler(
      (context) =>
        new Chain({
          name: "report",
          maxTotalCostUsd: dollars(5),
          steps: [step("a", 1, 3), step("b", 1, 3), step("c", 1, 3)],
        }).run(context),
      { provider: model.middleware() },
    );
    expect(result).toMatchObject({ status: "completed", totalCostUsd: 0.03 });
  });

  test("counts the calls of functions, made with the context or with llm", async () => {
    const model = costing();
    const result = await inHandler(
      (context) =>
        chain("report", { maxTotalCostUsd: dollars(3) })
          .step({
            name: "a",
            func: async ({ context: own, llm }) => {
              const options = { maxTokens: CENT_TOKENS };
              await Promise.all([
                own.invoke("1", {}, options),
                llm.invoke("1", {}, options),
              ]);
              await own.converse({
                messages: [{ role: "user", content: [{ text: "1" }] }],
                ...options,
              });
              return llm.invoke("1", {}, options);
            },
          })
          .run(context),
      { provider: model.middleware() },
    );
    expect(result).toMatchObject({
      status: "failed",
      error: { step: "a", code: "BUDGET_EXCEEDED" },
      totalCostUsd: 0.03,
    });
    expect(model.totalCalls).toBe(3);
  });

  test("counts what was spent before the run was resumed, and what failed", async () => {
    const journal = memoryJournal();
    let time: "over" | "enough" = "over";
    const report = new Chain({
      name: "report",
      maxTotalCostUsd: dollars(4),
      timeoutStrategy: "checkpoint",
      concurrency: 1,
      steps: [
        new Step({ name: "a", prompt: "wait", maxTokens: 3 * CENT_TOKENS }),
        step("b", 2, 2),
      ],
    });
    const model = answering((prompt) =>
      prompt === "wait"
        ? {
            text: prompt,
            stopReason: time === "over" ? "timeout" : "end_turn",
            usage: { inputTokens: 0, outputTokens: 0 },
          }
        : {
            text: prompt,
            usage: { inputTokens: 0, outputTokens: 2 * CENT_TOKENS },
          },
    );
    const run = (own = journal) =>
      inHandler((context) => report.run(context, {}, { journal: own }), {
        provider: model.middleware(),
      });
    expect(await run()).toMatchObject({
      status: "checkpointed",
      totalCostUsd: 0.02,
    });
    time = "enough";
    const resumed = await run(journal.resume());
    expect(resumed).toMatchObject({
      status: "failed",
      error: { step: "a", code: "BUDGET_EXCEEDED" },
      totalCostUsd: 0.02,
    });
    expect(model.totalCalls).toBe(2);
  });

  test("does not do without prices", async () => {
    const model = new MockProvider();
    const run = (maxTotalCostUsd: number | undefined) =>
      inHandler(
        (context) =>
          chain("report", { maxTotalCostUsd })
            .step({ name: "a", prompt: "p", model: "a.model-of-no-price" })
            .run(context),
        { provider: model.middleware() },
      );
    expect(await run(1)).toMatchObject({
      status: "failed",
      error: {
        step: "a",
        code: "CONFIGURATION",
        message:
          'Chain "report": a call of the model a.model-of-no-price has no upper bound of its cost, because its price is not known: call registerModel("a.model-of-no-price", { prices: { input, output } }) at cold start.',
      },
    });
    expect(model.totalCalls).toBe(0);
    expect(await run(undefined)).toMatchObject({ status: "completed" });
  });

  test("is not kept after a call around it whose price is not known", async () => {
    const result = await inHandler((context) =>
      chain("report", { maxTotalCostUsd: 1 })
        .step({
          name: "a",
          func: () => context.invoke("p", {}, { model: "a.model-of-no-price" }),
        })
        .step({ name: "b", prompt: "p", needs: ["a"] })
        .run(context),
    );
    expect(result).toMatchObject({
      status: "failed",
      error: {
        step: "b",
        code: "CONFIGURATION",
        message: expect.stringContaining(
          'nobody knows what the step "a" has cost',
        ),
      },
    });
  });
});
