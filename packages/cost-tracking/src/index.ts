import { ConfigurationError } from "@lambdallm/core";
import {
  type Invocation,
  invocationOf,
  type MiddyMiddleware,
} from "@lambdallm/core/feature";
import { utcDayOf } from "@lambdallm/core/stores";
import type { Context as LambdaContext } from "aws-lambda";
import { Gate } from "./gate.ts";
import { Ledger } from "./ledger.ts";
import { ScopeMemories } from "./scope-memory.ts";
import { type CostTrackingOptions, settingsOf } from "./settings.ts";
import { SpendingLog } from "./spending-log.ts";
import type { CostTracker } from "./tracker.ts";

export type { AssumedPrice } from "@lambdallm/core/feature";
export type { BudgetAlert, BudgetDecision, BudgetProblem } from "./events.ts";
export type { CostForecast } from "./forecast.ts";
export type { CostReport, Spending } from "./report.ts";
export {
  type BudgetLimit,
  type BudgetOptions,
  type CostTrackingOptions,
  costTrackingValidateOptions,
} from "./settings.ts";
export { CostTracker, type CostTrackerOptions } from "./tracker.ts";

/** What the middleware adds to the context's type. */
export interface WithCostTracker {
  /** The narrowest budget of this invocation. */
  readonly costTracker: CostTracker;
}

/** Which budgets an invocation counts in: a nested chain must not count in them again. */
const counted = new WeakMap<Invocation, readonly CostTracker[]>();

/**
 * Keeps budgets that concurrent Lambdas cannot overspend: each attempt of a model call sets the most that it can cost aside
 * before it is sent, and gives back what it did not need before the call returns. Without limits it keeps the reports only.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong; and in an invocation for a key that is no
 * valid id, a limit that is no amount, or when no provider's middleware comes before this one.
 * @example
 * export const handler = middy()
 *   .use(bedrock())
 *   .use(costTracking({ store: dynamoDBStore({ tableName }), dailyBudgetUsd: 50 }))
 *   .handler(async (event, context) => context.invoke("Summarize:\n\n{text}", { text: event.text }));
 */
// biome-ignore lint/suspicious/noExplicitAny: as in CostTrackingOptions
export function costTracking<TEvent = any>(
  options: CostTrackingOptions<TEvent>,
): Required<Pick<MiddyMiddleware<LambdaContext & WithCostTracker>, "before">> {
  const settings = settingsOf(options);
  // What this process knows of the budgets; what belongs to an invocation is made in its `before`.
  const memories = new ScopeMemories();

  const costTrackingBefore = async ({
    event,
    context,
  }: {
    event: unknown;
    context: LambdaContext;
  }): Promise<void> => {
    const invocation = invocationOf(context, "costTracking");
    const all = settings.trackersOf(event, context);
    const trackers = newOnes(invocation, all);
    const limited = trackers.filter(({ isLimited }) => isLimited);
    const ledger = new Ledger(settings, invocation, memories);
    const spending = new SpendingLog();
    const gate = new Gate({
      settings,
      invocation,
      memories,
      ledger,
      spending,
      trackers: limited,
      // A nested provider's calls pass through here, too, and it may have another Region.
      regions: () => [
        ...new Set(
          [invocation, invocationOf(context)].map(
            ({ provider }) => provider.region ?? process.env["AWS_REGION"],
          ),
        ),
      ],
    });
    const outerShareLeft = invocation.budgetShareLeft;
    invocation.budgetShareLeft = () => {
      const day = utcDayOf(Date.now());
      const shares = limited.map(({ scope, limits }) =>
        memories.of(scope).shareLeft(day, limits),
      );
      const known = [...shares, outerShareLeft()].filter(
        (share) => share !== undefined,
      );
      return known.length === 0 ? undefined : Math.min(...known);
    };
    if (trackers.length > 0) {
      invocation.intercept("attempt", "costTracking", (request, next, call) =>
        gate.attempt(request, next, call),
      );
      invocation.addFinalizer(() => {
        const { writes } = spending;
        const reports = trackers.map((tracker) => {
          const key = keyIn(all, tracker);
          return {
            tracker,
            spending: writes.map((rows) => ({ ...rows, key })),
          };
        });
        return ledger.finish(reports);
      });
    }
    const outer = Object.getOwnPropertyDescriptor(context, "costTracker");
    // A nested chain has the context of the outer one, and gives it back as it was.
    if (outer !== undefined)
      invocation.addFinalizer(() => {
        Object.defineProperty(context, "costTracker", outer);
      });
    Object.defineProperty(context, "costTracker", {
      value: all[0],
      configurable: true,
      writable: true,
    });
  };

  return { before: costTrackingBefore };
}

/** Those that no middleware around this one counts in. */
function newOnes(
  invocation: Invocation,
  trackers: readonly CostTracker[],
): readonly CostTracker[] {
  const isIn = (
    others: readonly CostTracker[],
    { store, scope }: CostTracker,
  ) => others.some((other) => other.store === store && other.scope === scope);
  const own = counted.get(invocation) ?? [];
  for (const tracker of trackers)
    if (isIn(own, tracker))
      throw new ConfigurationError(
        `costTracking is used twice for the budget "${tracker.scope}", and every call would count twice. Use it once, or give the budgets names.`,
      );
  counted.set(invocation, [...own, ...trackers]);
  let rest = trackers;
  for (let outer = invocation.parent; outer; outer = outer.parent) {
    const others = counted.get(outer) ?? [];
    rest = rest.filter((tracker) => !isIn(others, tracker));
  }
  return rest;
}

/** Whose spending it is in the reports of a budget: the next narrower budget's key, else its own. */
function keyIn(all: readonly CostTracker[], tracker: CostTracker): string {
  const narrower = all[all.indexOf(tracker) - 1];
  return narrower?.key || tracker.key;
}

export default costTracking;
