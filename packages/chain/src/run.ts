import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import {
  type Branch,
  type Journal,
  JournalMismatchError,
  type Settled,
  StepFailure,
  Suspended,
} from "@lambdallm/core";
import { transientRetry } from "@lambdallm/core/feature";
import { isInMemory } from "@lambdallm/core/stores";
import type { Node } from "./graph.ts";
import {
  type ChainResult,
  chainResult,
  costIn,
  type Ending,
  failedEnding,
  NOT_RUN,
  type StepStatus,
} from "./result.ts";
import { Slots } from "./slots.ts";
import { type RunFacts, type StepValue, workOf } from "./step-work.ts";

/** What becomes of a step while its chain runs. */
export interface StepEvent {
  readonly step: string;
  readonly status: "started" | StepStatus;
}

export interface Run extends RunFacts {
  readonly nodes: readonly Node[];
  readonly journal: Journal;
  readonly concurrency: number;
  readonly onStep: ((event: StepEvent) => void) | undefined;
  /** Sees the text of the last step grow. */
  readonly show: ((text: string) => void) | undefined;
}

/** What the first branch has recorded: the names of the steps when the run began. */
interface Plan {
  readonly plan: readonly string[];
}

type Value = Plan | Ending;

/** One branch of the journal for the plan, and one for each step, which waits for those that it needs. */
export async function runChain(run: Run): Promise<ChainResult> {
  const { chain, nodes, journal, signal } = run;
  const names = nodes.map(({ step }) => step.name);
  const slots = new Slots(run.concurrency);
  const state: RunState = { slots, shown: false, counts: false };
  const endings: (Ending | undefined)[] = nodes.map(() => undefined);
  const branches: Branch<Value>[] = nodes.map(
    (node) => async (branch, outcomes) => {
      count(run, state, outcomes);
      const ending = await endingOf(run, node, { branch, outcomes, state });
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
    // A branch that was recorded as a whole has not been here.
    showOutput(run, state, result.finalOutput);
    return result;
  } catch (error) {
    if (!Suspended.isInstance(error)) throw error;
    signal?.throwIfAborted();
    // Nobody else could resume it than who has this very journal.
    if (isInMemory(journal)) return chainResult(journal.runId, names, endings);
    throw error;
  }
}

/** A branch fails where its journal could not do its part, and that is no step's failure. */
function valueIn(outcome: Settled<Value> | undefined): Value {
  // All branches have one.
  const settled = outcome as Settled<Value>;
  if (!settled.ok) throw settled.error;
  return settled.value;
}

// The first branch ends with the plan, and the others with how their steps have ended.
const planIn = (outcome: Settled<Value> | undefined): readonly string[] =>
  (valueIn(outcome) as Plan).plan;
const endingIn = (outcome: Settled<Value> | undefined): Ending =>
  valueIn(outcome) as Ending;

/** Steps are known by their positions: with others than it began with, a run would repeat some, or mix them up. */
function refuseOtherPlan(run: Run, plan: readonly string[]): void {
  const at = differenceIn(run, plan);
  if (at === undefined) return;
  const [recorded, asked] = [plan[at], run.nodes[at]?.step.name];
  throw new JournalMismatchError(run.runId, {
    position: `${at + 1} of the chain "${run.chain}"`,
    recorded: recorded && `step "${recorded}"`,
    asked: asked && `step "${asked}"`,
  });
}

/** Where the steps are others than when the run began. */
function differenceIn(
  { nodes }: Run,
  plan: readonly string[],
): number | undefined {
  const length = Math.max(plan.length, nodes.length);
  for (let index = 0; index < length; index++)
    if (plan[index] !== nodes[index]?.step.name) return index;
  return undefined;
}

/** What a run has in this process, and in no other. */
interface RunState {
  readonly slots: Slots;
  /** The text of the last step has been shown, or a part of it. */
  shown: boolean;
  /** What the steps have cost is counted for the budget. */
  counts: boolean;
}

function showOutput({ show }: Run, state: RunState, output: unknown): void {
  if (state.shown || output === undefined) return;
  state.shown = true;
  show?.(typeof output === "string" ? output : JSON.stringify(output));
}

/** What was spent before the run was resumed counts, whoever has spent it. */
function count(
  { budget, nodes }: Run,
  state: RunState,
  outcomes: BranchFacts["outcomes"],
): void {
  if (budget === undefined || state.counts) return;
  state.counts = true;
  for (const { index, step } of nodes)
    outcomes[index + 1]?.then(
      (outcome) => budget.record(step.name, costIn(endingIn(outcome))),
      // Its branch says itself why there is none.
      () => {},
    );
}

interface BranchFacts {
  readonly branch: Journal;
  readonly outcomes: readonly Promise<Settled<Value>>[];
  readonly state: RunState;
}

async function endingOf(
  run: Run,
  node: Node,
  { branch, outcomes, state }: BranchFacts,
): Promise<Ending> {
  const { step } = node;
  if (differenceIn(run, planIn(await outcomes[0])) !== undefined)
    return NOT_RUN;
  const outputs = new Map<string, unknown>();
  const needed = await Promise.all(
    node.needs.map(async (other) => ({
      name: other.step.name,
      ending: endingIn(await outcomes[other.index + 1]),
    })),
  );
  for (const { name, ending } of needed) {
    if (ending.status !== "completed" && ending.status !== "skipped")
      return NOT_RUN;
    outputs.set(name, "output" in ending ? ending.output : undefined);
  }
  const { condition } = step;
  try {
    if (
      condition !== undefined &&
      !condition({
        variables: { ...run.variables },
        outputs: Object.fromEntries(outputs),
      })
    )
      return { status: "skipped" };
  } catch (error) {
    return failedEnding(error, step.name);
  }
  return stepEnding(run, { node, outputs }, branch, state);
}

async function stepEnding(
  run: Run,
  work: { readonly node: Node; readonly outputs: ReadonlyMap<string, unknown> },
  branch: Journal,
  state: RunState,
): Promise<Ending> {
  const { node } = work;
  const { step } = node;
  const isLast = node.index === run.nodes.length - 1;
  const show =
    isLast && run.show !== undefined
      ? (text: string) => {
          state.shown = true;
          run.show?.(text);
        }
      : undefined;
  const slot = state.slots.slot();
  const retry = step.retry ?? transientRetry(step.retries);
  try {
    const value = await branch.step<StepValue>(
      step.name,
      async (info) => {
        await slot.take();
        try {
          info.signal.throwIfAborted();
          // Until then all that was recorded has been read again, and counts for the budget.
          if (run.budget !== undefined) await turnOfTheLoop();
          run.onStep?.({ step: step.name, status: "started" });
          return await workOf(run, { ...work, show }, info);
        } finally {
          // Not only with the branch: on some hosts a step that has to wait never comes back to it.
          slot.release();
        }
      },
      {
        turn: slot.take,
        // What the reader of a stream has seen cannot be taken back.
        retry: (error, attempt) =>
          !(isLast && state.shown) && retry(error, attempt),
      },
    );
    const { output, costUsd, truncated } = value;
    if (isLast) showOutput(run, state, output);
    return {
      status: truncated ? "truncated" : "completed",
      costUsd,
      ...(output !== undefined && { output }),
    };
  } catch (error) {
    if (!StepFailure.isInstance(error)) throw error;
    return failedEnding(error, step.name);
  } finally {
    slot.release();
  }
}
