import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import {
  type Branch,
  type Journal,
  JournalMismatchError,
  type Retry,
  type Settled,
  StepFailure,
  Suspended,
} from "@lambdallm/core";
import { fullJitterMs } from "@lambdallm/core/feature";
import { isInMemory } from "@lambdallm/core/stores";
import type { Node } from "./graph.ts";
import {
  type ChainResult,
  chainResult,
  type Ending,
  failedEnding,
  type StepStatus,
} from "./result.ts";
import { Slots } from "./slots.ts";
import type { Step } from "./step-types.ts";
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
  const endings: (Ending | undefined)[] = nodes.map(() => undefined);
  const branches: Branch<Value>[] = nodes.map(
    (node) => async (branch, outcomes) => {
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
    const [plan, ...ended] = settled.map(valueIn);
    refuseOtherPlan(run, names, plan);
    // The branches of the steps end with nothing else.
    return chainResult(journal.runId, names, ended as Ending[]);
  } catch (error) {
    if (!Suspended.isInstance(error)) throw error;
    signal?.throwIfAborted();
    // Nobody else could resume it than who has this very journal.
    if (isInMemory(journal)) return chainResult(journal.runId, names, endings);
    throw error;
  }
}

/** A branch fails where its journal could not do its part, and that is no step's failure. */
function valueIn(outcome: Settled<Value> | undefined): Value | undefined {
  if (outcome?.ok === false) throw outcome.error;
  return outcome?.value;
}

/** Steps are known by their positions: with others than it began with, a run would repeat some, or mix them up. */
function refuseOtherPlan(
  { journal, chain }: Run,
  names: readonly string[],
  plan: Value | undefined,
): void {
  const at = differenceIn(plan, names);
  if (at === undefined) return;
  const [recorded, asked] = [namesIn(plan)[at], names[at]];
  throw new JournalMismatchError(journal.runId, {
    position: `${at + 1} of the chain "${chain}"`,
    recorded: recorded && `step "${recorded}"`,
    asked: asked && `step "${asked}"`,
  });
}

const namesIn = (plan: Value | undefined): readonly string[] =>
  plan !== undefined && "plan" in plan ? plan.plan : [];

/** Where the steps are others than when the run began. */
function differenceIn(
  plan: Value | undefined,
  names: readonly string[],
): number | undefined {
  const recorded = namesIn(plan);
  const length = Math.max(recorded.length, names.length);
  for (let index = 0; index < length; index++)
    if (recorded[index] !== names[index]) return index;
  return undefined;
}

interface BranchFacts {
  readonly branch: Journal;
  readonly outcomes: readonly Promise<Settled<Value>>[];
  readonly slots: Slots;
}

const NOT_RUN = { status: "not-run" } as const;

async function endingOf(
  run: Run,
  node: Node,
  { branch, outcomes, slots }: BranchFacts,
): Promise<Ending> {
  const { step } = node;
  const names = run.nodes.map((each) => each.step.name);
  if (differenceIn(valueIn(await outcomes[0]), names) !== undefined)
    return NOT_RUN;
  const outputs = new Map<string, unknown>();
  const needed = await Promise.all(
    node.needs.map(async (index) => ({
      name: String(names[index]),
      ending: valueIn(await outcomes[index + 1]),
    })),
  );
  for (const { name, ending } of needed) {
    const output = outputIn(ending);
    if (output === undefined) return NOT_RUN;
    outputs.set(name, output.value);
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
  return stepEnding(run, { node, outputs }, branch, slots);
}

/** What a step leaves to those that need it; undefined when they cannot run. */
function outputIn(
  ending: Value | undefined,
): { readonly value: unknown } | undefined {
  if (ending === undefined || !("status" in ending)) return undefined;
  if (ending.status === "skipped") return { value: undefined };
  return ending.status === "completed" ? { value: ending.output } : undefined;
}

async function stepEnding(
  run: Run,
  work: { readonly node: Node; readonly outputs: ReadonlyMap<string, unknown> },
  branch: Journal,
  slots: Slots,
): Promise<Ending> {
  const { node } = work;
  const { step } = node;
  const isLast = node.index === run.nodes.length - 1;
  let shown = false;
  const show =
    isLast && run.show !== undefined
      ? (text: string) => {
          shown = true;
          run.show?.(text);
        }
      : undefined;
  const slot = slots.slot();
  try {
    const value = await branch.step<StepValue>(
      step.name,
      async (info) => {
        await slot.take();
        info.signal.throwIfAborted();
        // By now all that was recorded has been read again, and counts for the budget.
        if (run.budget !== undefined) await turnOfTheLoop();
        run.onStep?.({ step: step.name, status: "started" });
        return workOf(run, { ...work, show }, info);
      },
      {
        turn: slot.take,
        // What the reader of a stream has seen cannot be taken back.
        retry: (error, attempt) => !shown && retryOf(step)(error, attempt),
      },
    );
    run.budget?.record(step.name, value.costUsd ?? undefined);
    const { output, costUsd, truncated } = value;
    if (!shown && output !== undefined)
      show?.(typeof output === "string" ? output : JSON.stringify(output));
    return {
      status: truncated ? "truncated" : "completed",
      costUsd,
      ...(output !== undefined && { output }),
    };
  } catch (error) {
    if (!StepFailure.isInstance(error)) throw error;
    run.budget?.record(step.name, error.costUsd);
    return failedEnding(error, step.name);
  } finally {
    slot.release();
  }
}

/** Waits before a retry as the middleware retryFallback does by default. */
const WAITS = { baseMs: 200, capMs: 20_000 };

function retryOf({ retry, retries }: Step): Retry {
  return (
    retry ??
    ((error, attempt) =>
      error.retryable &&
      attempt <= retries && { delayMs: fullJitterMs(attempt - 1, WAITS) })
  );
}
