import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import {
  ConfigurationError,
  type Journal,
  type Settled,
  StepFailure,
} from "@lambdallm/core";
import { isThenable, transientRetry } from "@lambdallm/core/feature";
import type { Node } from "./graph.ts";
import { differenceIn, endingIn, planIn, type Value } from "./plan.ts";
import { type Ending, failedEnding, NOT_RUN } from "./result.ts";
import type { Run } from "./run-types.ts";
import type { Slots } from "./slots.ts";
import { type StepValue, workOf } from "./step-work.ts";

export interface BranchFacts {
  readonly branch: Journal;
  readonly outcomes: readonly Promise<Settled<Value>>[];
  readonly slots: Slots;
}

/** Waits for what a step needs, runs it, and says how it has ended. */
export async function endingOf(
  run: Run,
  node: Node,
  { branch, outcomes, slots }: BranchFacts,
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
  try {
    if (!isWanted(run, step, outputs)) return { status: "skipped" };
  } catch (error) {
    return failedEnding(error, step.name);
  }
  return stepEnding(run, { node, outputs }, branch, slots);
}

function isWanted(
  { variables }: Run,
  { condition }: Node["step"],
  outputs: ReadonlyMap<string, unknown>,
): boolean {
  if (condition === undefined) return true;
  const decision: unknown = condition({
    variables: { ...variables },
    outputs: Object.fromEntries(outputs),
  });
  if (isThenable(decision))
    throw new ConfigurationError(
      "The condition returned a promise: it may depend on its input alone. Let a func of another step do the work.",
    );
  return Boolean(decision);
}

async function stepEnding(
  run: Run,
  work: { readonly node: Node; readonly outputs: ReadonlyMap<string, unknown> },
  branch: Journal,
  slots: Slots,
): Promise<Ending> {
  const { node } = work;
  const { step } = node;
  const text = node.index === run.nodes.length - 1 ? run.text : undefined;
  const show = text && ((piece: string) => text.add(piece));
  const slot = slots.slot();
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
        retry: (error, attempt) => !text?.begun && retry(error, attempt),
      },
    );
    const { output, costUsd, truncated } = value;
    text?.end(output);
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
