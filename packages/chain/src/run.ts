import { type Branch, Suspended } from "@lambdallm/core";
import { isInMemory } from "@lambdallm/core/stores";
import { endingIn, planIn, refuseOtherPlan, type Value } from "./plan.ts";
import {
  type ChainResult,
  chainResult,
  costIn,
  type Ending,
} from "./result.ts";
import type { Run } from "./run-types.ts";
import { Slots } from "./slots.ts";
import { type BranchFacts, endingOf } from "./step-branch.ts";

/** One branch of the journal for the plan, and one for each step, which waits for those that it needs. */
export async function runChain(run: Run): Promise<ChainResult> {
  const { chain, nodes, journal, signal } = run;
  const names = nodes.map(({ step }) => step.name);
  const slots = new Slots(run.concurrency);
  const endings: (Ending | undefined)[] = nodes.map(() => undefined);
  const count = counting(run);
  const branches: Branch<Value>[] = nodes.map(
    (node) => async (branch, outcomes) => {
      count(outcomes);
      const ending = await endingOf(run, node, { branch, outcomes, slots });
      endings[node.index] = ending;
      run.onStep?.({ step: node.step.name, status: ending.status });
      return ending;
    },
  );
  const planned: Branch<Value> = async (branch) => ({
    plan: await branch.step(chain, async () => names),
  });
  try {
    const settled = await journal.all<Value>(chain, [planned, ...branches]);
    const [plan, ...ended] = settled;
    refuseOtherPlan(run, planIn(plan));
    const result = chainResult(journal.runId, names, ended.map(endingIn));
    // A branch that was recorded as a whole has not shown it.
    run.text?.end(result.finalOutput);
    return result;
  } catch (error) {
    if (!Suspended.isInstance(error)) throw error;
    signal?.throwIfAborted();
    // Nobody else could resume it than who has this very journal.
    if (isInMemory(journal)) return chainResult(journal.runId, names, endings);
    throw error;
  }
}

/** What was spent before the run was resumed counts for the budget, whoever has spent it. The branches share their outcomes. */
function counting({
  budget,
  nodes,
}: Run): (outcomes: BranchFacts["outcomes"]) => void {
  if (budget === undefined) return () => {};
  let isCounted = false;
  return (outcomes) => {
    if (isCounted) return;
    isCounted = true;
    for (const { index, step } of nodes)
      outcomes[index + 1]?.then(
        (outcome) => budget.record(step.name, costIn(endingIn(outcome))),
        // Its branch says itself why there is none.
        () => {},
      );
  };
}
