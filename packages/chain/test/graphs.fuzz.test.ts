import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Chain, type ChainResult, Step } from "@lambdallm/chain";
import { InvocationTimeoutError, type Journal } from "@lambdallm/core";
import fc from "fast-check";
import {
  inMemory,
  onDurable,
  onStore,
  type TestHost,
} from "../../../test-support/hosts.ts";
import { rounds } from "../../../test-support/rounds.ts";
import { answering, inHandler } from "./support.ts";

interface StepPlan {
  readonly name: string;
  readonly needs: readonly string[];
  readonly does: "answer" | "fail" | "skip";
  /** How often the time is over before it has ended. */
  readonly cuts: number;
}

interface ChainPlan {
  readonly steps: readonly StepPlan[];
  readonly concurrency: number | undefined;
}

/** Graphs without circles, whose steps stand in any order. */
const chains: fc.Arbitrary<ChainPlan> = fc
  .integer({ min: 1, max: 8 })
  .chain((length) =>
    fc.record({
      order: fc.shuffledSubarray(
        Array.from({ length }, (_, index) => `s${index}`),
        { minLength: length },
      ),
      steps: fc.array(
        fc.record({
          needs: fc.array(fc.nat(), { maxLength: 3 }),
          does: fc.oneof(
            { weight: 6, arbitrary: fc.constant("answer" as const) },
            { weight: 1, arbitrary: fc.constantFrom("fail", "skip") },
          ),
          cuts: fc.oneof(
            { weight: 3, arbitrary: fc.constant(0) },
            { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 }) },
          ),
        }),
        { minLength: length, maxLength: length },
      ),
      concurrency: fc.option(fc.integer({ min: 1, max: 3 }), {
        nil: undefined,
      }),
    }),
  )
  .map(({ order, steps, concurrency }) => ({
    concurrency,
    steps: steps.map(({ needs, ...step }, index) => ({
      ...step,
      name: `s${index}`,
      needs: [
        ...new Set(
          needs.flatMap((random) => {
            const before = order.indexOf(`s${index}`);
            return before === 0 ? [] : [String(order[random % before])];
          }),
        ),
      ],
    })),
  }));

/** The chain of a plan, and what its steps have done. */
class Trial {
  readonly ends = new Map<string, number>();
  readonly #cuts: Map<string, number>;
  readonly #chain: Chain;
  readonly #model = answering((prompt) => prompt);

  constructor({ steps, concurrency }: ChainPlan, cuts: boolean) {
    this.#cuts = new Map(
      steps.map((step) => [step.name, cuts ? step.cuts : 0]),
    );
    this.#chain = new Chain({
      name: "trial",
      timeoutStrategy: "checkpoint",
      concurrency,
      steps: steps.map((step) => this.#step(step)),
    });
  }

  #step({ name, needs, does }: StepPlan): Step {
    return new Step({
      name,
      needs,
      condition: () => does !== "skip",
      func: async ({ outputs, llm }) => {
        expect(Object.keys(outputs).sort()).toEqual([...needs].sort());
        const left = this.#cuts.get(name) ?? 0;
        this.#cuts.set(name, left - 1);
        if (left > 0) throw new InvocationTimeoutError("The time was over.");
        const text = await llm.invoke(`${name}(${Object.values(outputs)})`);
        this.ends.set(name, (this.ends.get(name) ?? 0) + 1);
        if (does === "fail") throw new Error(`No ${name}.`);
        return text;
      },
    });
  }

  run(journal: Journal): Promise<ChainResult> {
    return inHandler((context) => this.#chain.run(context, {}, { journal }), {
      provider: this.#model.middleware(),
    });
  }
}

/** What has to become of each step. */
function expectedOf({ steps }: ChainPlan): ReadonlyMap<string, string> {
  const states = new Map<string, string>();
  const stateOf = ({ name, needs, does }: StepPlan): string => {
    const known = states.get(name);
    if (known !== undefined) return known;
    const blocked = steps
      .filter((step) => needs.includes(step.name))
      .some((step) => ["failed", "not-run"].includes(stateOf(step)));
    const own = { answer: "completed", fail: "failed", skip: "skipped" }[does];
    states.set(name, blocked ? "not-run" : own);
    return states.get(name) ?? "";
  };
  for (const step of steps) stateOf(step);
  return states;
}

const comparable = ({ runId: _, error, ...result }: ChainResult) => ({
  ...result,
  steps: result.steps.map(({ error: _error, ...step }) => step),
  failed: error?.step,
  message: error?.message,
});

let hosts: readonly TestHost[];
beforeAll(async () => {
  hosts = [inMemory(), onStore(), await onDurable()];
});
afterAll(async () => {
  for (const host of hosts) await host[Symbol.asyncDispose]();
});

describe("Random graphs with random failures", () => {
  test.each([
    [0, "a journal in memory", rounds(100, 600)],
    [1, "a journal in a store", rounds(60, 400)],
    [2, "durable functions", rounds(12, 100)],
  ])(
    "run each step once, after what it needs, and end as without interruptions: host %i, %s",
    async (index, name, numRuns) => {
      const host = hosts[index];
      expect(host?.name).toBe(name);
      await fc.assert(
        fc.asyncProperty(chains, async (plan) => {
          const whole = new Trial(plan, false);
          const expected = await inMemory().run((journal) =>
            whole.run(journal),
          );
          const trial = new Trial(plan, true);
          const result = await host?.run((journal) => trial.run(journal));
          if (result === undefined) throw new Error("There is no such host.");
          const states = expectedOf(plan);
          expect(result.steps.map((step) => [step.name, step.status])).toEqual(
            plan.steps.map((step) => [step.name, states.get(step.name)]),
          );
          const failed = plan.steps.find(
            (step) => states.get(step.name) === "failed",
          );
          expect(result.status).toBe(failed ? "failed" : "completed");
          expect(result.error?.step).toBe(failed?.name);
          for (const { name: step } of plan.steps)
            expect(trial.ends.get(step)).toBe(
              ["completed", "failed"].includes(states.get(step) ?? "")
                ? 1
                : undefined,
            );
          expect(comparable(result)).toEqual(comparable(expected));
        }),
        { numRuns },
      );
    },
  );
});
