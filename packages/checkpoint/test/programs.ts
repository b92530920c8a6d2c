import { hash } from "node:crypto";
import { type Journal, type Settled, StepFailure } from "@lambdallm/core";
import fc from "fast-check";

/** What a program does next. */
export type Part = {
  /** Whatever is thrown is caught, and the program goes on with something else, as careless programs do. */
  readonly swallows: boolean;
} & (
  | {
      readonly kind: "step";
      readonly fails: "never" | "always" | "once";
      readonly retryMs: number;
      /** Started, and awaited by nobody. */
      readonly isLeft: boolean;
    }
  | { readonly kind: "together"; readonly count: number }
  | { readonly kind: "sleep"; readonly ms: number }
  | { readonly kind: "ask"; readonly isAnswered: boolean }
  | {
      readonly kind: "all";
      readonly concurrency: number | undefined;
      readonly branches: readonly {
        readonly parts: readonly Part[];
        /** The branch before it, whose end it waits for. */
        readonly needsLast: boolean;
      }[];
    }
);

const LONG_MS = 60_000;

const { parts: programs } = fc.letrec<{ part: Part; parts: Part[] }>((tie) => {
  const swallows = fc.oneof(
    { weight: 4, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  );
  return {
    part: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant("step" as const),
          fails: fc.constantFrom("never", "never", "always", "once"),
          retryMs: fc.constantFrom(0, LONG_MS),
          isLeft: fc.oneof(
            { weight: 5, arbitrary: fc.constant(false) },
            { weight: 1, arbitrary: fc.constant(true) },
          ),
          swallows,
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("together" as const),
          count: fc.integer({ min: 1, max: 3 }),
          swallows,
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("sleep" as const),
          ms: fc.constantFrom(0, LONG_MS),
          swallows,
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant("ask" as const),
          isAnswered: fc.boolean(),
          swallows,
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("all" as const),
          concurrency: fc.constantFrom(undefined, 1, 2),
          branches: fc.array(
            fc.record({ parts: tie("parts"), needsLast: fc.boolean() }),
            { maxLength: 3 },
          ),
          swallows,
        }),
      },
    ) as fc.Arbitrary<Part>,
    parts: fc.array(tie("part"), { maxLength: 4 }),
  };
});

export { programs };

/** What the program sees of the world outside. */
export interface Outside {
  /** A step's function begins. */
  readonly runs: (key: string) => void;
}

/** Runs a program. What a step returns depends on everything that was returned before it. */
export async function runProgram(
  journal: Journal,
  parts: readonly Part[],
  outside: Outside,
): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const [index, part] of parts.entries()) {
    const name = `${part.kind} ${index}`;
    const run = () => runPart(journal, part, { name, results, outside });
    results.push(
      part.swallows ? await run().catch(() => "other") : await run(),
    );
  }
  return results;
}

interface Place {
  readonly name: string;
  readonly results: readonly unknown[];
  readonly outside: Outside;
}

async function runPart(
  journal: Journal,
  part: Part,
  { name, results, outside }: Place,
): Promise<unknown> {
  const before = hash("sha1", JSON.stringify(results)).slice(0, 8);
  const work =
    (label: string, fails: string) =>
    async ({ key, attempt }: { key: string; attempt: number }) => {
      outside.runs(key);
      await null;
      if (fails === "always" || (fails === "once" && attempt === 1))
        throw Object.assign(new Error(`${label} fails`), { code: "BROKEN" });
      return `${label} after ${before}`;
    };
  switch (part.kind) {
    case "step": {
      const { fails, retryMs } = part;
      const retry = (_error: StepFailure, attempt: number) =>
        attempt === 1 && fails === "once" && { delayMs: retryMs };
      const step = journal.step(name, work(name, fails), { retry });
      if (!part.isLeft) return step.catch(failureIn);
      step.catch(() => {});
      return "left";
    }
    case "together": {
      const labels = Array.from(
        { length: part.count },
        (_, i) => `${name}.${i}`,
      );
      return Promise.all(
        labels.map((label) => journal.step(label, work(label, "never"))),
      );
    }
    case "sleep":
      await journal.sleep(name, part.ms);
      return "slept";
    case "ask": {
      const label = part.isAnswered ? `${name}, please` : name;
      const timeoutMs = part.isAnswered ? undefined : LONG_MS;
      return journal.ask(label, async () => {}, { timeoutMs }).catch(failureIn);
    }
    case "all": {
      const settled = await journal.all(
        name,
        part.branches.map(
          (branch, index) =>
            async (
              inner: Journal,
              outcomes: readonly Promise<Settled<unknown>>[],
            ) => {
              const last = branch.needsLast ? outcomes[index - 1] : undefined;
              const given = part.swallows
                ? await last?.catch(() => "other")
                : await last;
              return [
                JSON.stringify(given),
                await runProgram(inner, branch.parts, outside),
              ];
            },
        ),
        { concurrency: part.concurrency },
      );
      return settled.map((one) => (one.ok ? one.value : one.error.code));
    }
  }
}

/** A failed step is a result of the program; all else goes through. */
function failureIn(error: unknown): unknown {
  if (!StepFailure.isInstance(error)) throw error;
  return `${error.code}: ${error.message}`;
}
