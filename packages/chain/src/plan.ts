import { JournalMismatchError, type Settled } from "@lambdallm/core";
import type { Ending } from "./result.ts";
import type { Run } from "./run-types.ts";

/** What the first branch has recorded: the names of the steps when the run began. */
export interface Plan {
  readonly plan: readonly string[];
}

/** What a branch ends with: the first one with the plan, the others with how their steps have ended. */
export type Value = Plan | Ending;

/** A branch fails where its journal could not do its part, and that is no step's failure. */
function valueIn(outcome: Settled<Value> | undefined): Value {
  // All branches have one.
  const settled = outcome as Settled<Value>;
  if (!settled.ok) throw settled.error;
  return settled.value;
}

export const planIn = (
  outcome: Settled<Value> | undefined,
): readonly string[] => (valueIn(outcome) as Plan).plan;
export const endingIn = (outcome: Settled<Value> | undefined): Ending =>
  valueIn(outcome) as Ending;

/** Steps are known by their positions: with others than it began with, a run would repeat some, or mix them up. */
export function refuseOtherPlan(run: Run, plan: readonly string[]): void {
  const at = differenceIn(run, plan);
  if (at === undefined) return;
  const [recorded, asked] = [plan[at], run.nodes[at]?.step.name];
  throw new JournalMismatchError(run.journal.runId, {
    position: `${at + 1} of the chain "${run.chain}"`,
    recorded: recorded && `step "${recorded}"`,
    asked: asked && `step "${asked}"`,
  });
}

/** Where the steps are others than when the run began. */
export function differenceIn(
  { nodes }: Run,
  plan: readonly string[],
): number | undefined {
  const length = Math.max(plan.length, nodes.length);
  for (let index = 0; index < length; index++)
    if (plan[index] !== nodes[index]?.step.name) return index;
  return undefined;
}
