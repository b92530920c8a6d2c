import { ConfigurationError, findModel, type ModelId } from "@lambdallm/core";
import {
  type AssumedPrice,
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { checkId, type Stores } from "@lambdallm/core/stores";
import type { Context as LambdaContext } from "aws-lambda";
import { budgetName, budgetUsd, CostTracker, storeCheck } from "./tracker.ts";

/** In USD; as a function for plans, such as of free and of paying tenants, called once an invocation: undefined is no limit. */
export type BudgetLimit<TEvent = unknown> =
  | number
  | ((event: TEvent, context: LambdaContext) => number | undefined);

/** Limits for everybody, or for each key. */
export interface BudgetOptions<TEvent = unknown> {
  /** Names the budget in errors, events and the store. No `#`, no `/`. @default "global", with a `key` "key" */
  readonly name?: string | undefined;
  /**
   * Whose budget it is, such as a tenant: every key has one of its own. Take it from the authenticated caller, never from
   * the request's body. What it returns is checked: no text, no call. @default `context.tenantId`, the tenant of Lambda's
   * tenant isolation mode; without that mode, and in the list `budgets`, one budget for all
   */
  readonly key?:
    | ((event: TEvent, context: LambdaContext) => unknown)
    | undefined;
  /** For a UTC day. @default no limit */
  readonly dailyBudgetUsd?: BudgetLimit<TEvent> | undefined;
  /** For a UTC month. @default no limit */
  readonly monthlyBudgetUsd?: BudgetLimit<TEvent> | undefined;
}

// Middy does not tell a middleware the type of the events, and `unknown` would make every key function name it.
// biome-ignore lint/suspicious/noExplicitAny: see above
export interface CostTrackingOptions<TEvent = any>
  extends BudgetOptions<TEvent> {
  /** Keeps the budgets, such as `dynamoDBStore()`. */
  readonly store?: Pick<Stores, "budgets"> | undefined;
  /** Several budgets, from narrow to wide, in place of `name`, `key` and the limits: a call needs room in all of them. */
  readonly budgets?: readonly BudgetOptions<TEvent>[] | undefined;
  /** The budget of this tracker, in place of `store`, `budgets`, `name`, `key` and the limits. */
  readonly tracker?: CostTracker | undefined;
  /**
   * When a call might cost more than is left: `block` throws BudgetExceededError, `downgrade` sends it to a model of
   * `downgradeTo` that fits and throws when there is none, `alert` lets it through. @default "block"
   */
  readonly onExceeded?: "block" | "downgrade" | "alert" | undefined;
  /** For `downgrade`: the models to choose from, tried from the dearest to the cheapest. */
  readonly downgradeTo?: readonly ModelId[] | undefined;
  /**
   * A model whose price is not known: `error` refuses the call, `allow` counts it as 0 and says so in an event, a price (USD
   * per million tokens) is taken for it. @default "error", with `alert` "allow"
   */
  readonly unknownPrice?: "error" | "allow" | AssumedPrice | undefined;
  /**
   * When the store cannot be asked: `block` throws its error, `allow` lets the call through after a second and books it when
   * the store answers before the invocation ends. @default "block", with `alert` "allow"
   */
  readonly onStoreError?: "block" | "allow" | undefined;
  /** Decides and says so in events, but refuses nothing. The ledger is kept all the same. @default false */
  readonly shadow?: boolean | undefined;
}

/** The options, complete. */
export interface Settings {
  /** The budgets of an invocation, from narrow to wide; at least one. */
  readonly trackersOf: (
    event: unknown,
    context: LambdaContext,
  ) => readonly CostTracker[];
  /** False when no call is refused: with `alert` and in shadow mode. */
  readonly isEnforced: boolean;
  readonly isShadow: boolean;
  readonly onExceeded: "block" | "downgrade" | "alert";
  readonly downgradeTo: readonly string[];
  readonly unknownPrice: "error" | "allow" | AssumedPrice;
  /** Where `unknownPrice` is one. */
  readonly assumedPrice: AssumedPrice | undefined;
  readonly onStoreError: "block" | "allow";
}

const unknownPriceCheck: OptionCheck = (value) => {
  const { input, output, ...others } = Object(value);
  const isPrice =
    check.atLeastZero(input) === undefined &&
    check.atLeastZero(output) === undefined &&
    Object.keys(others).length === 0;
  return value === "error" || value === "allow" || isPrice
    ? undefined
    : '"error", "allow" or { input, output } in USD per million tokens';
};

const limitCheck: OptionCheck = (value) => {
  const expected = typeof value === "function" ? undefined : budgetUsd(value);
  return expected && `${expected}, or a function that returns one`;
};

const oneBudgetChecks = {
  name: budgetName,
  key: check.function,
  dailyBudgetUsd: limitCheck,
  monthlyBudgetUsd: limitCheck,
};

const checks = {
  store: storeCheck,
  ...oneBudgetChecks,
  budgets: check.array,
  tracker: (value: unknown) =>
    value instanceof CostTracker ? undefined : "a CostTracker",
  onExceeded: check.oneOf("block", "downgrade", "alert"),
  downgradeTo: check.texts,
  unknownPrice: unknownPriceCheck,
  onStoreError: check.oneOf("block", "allow"),
  shadow: check.boolean,
};

const fail = (problem: string): never => {
  throw new ConfigurationError(`costTracking: ${problem}`);
};

/** @throws {ConfigurationError} naming the option that does not exist, has a wrong value or does not go with another. */
export function costTrackingValidateOptions(options: unknown): void {
  // settingsOf checks it.
  settingsOf(options as CostTrackingOptions);
}

export function settingsOf(options: CostTrackingOptions): Settings {
  validateOptions("costTracking", checks, options);
  const { onExceeded = "block", downgradeTo = [], shadow = false } = options;
  const isDowngrading = onExceeded === "downgrade";
  if (isDowngrading !== downgradeTo.length > 0)
    fail(
      'the options onExceeded: "downgrade" and "downgradeTo" go together: give the models to choose from.',
    );
  const isEnforced = onExceeded !== "alert" && !shadow;
  const {
    unknownPrice = isEnforced ? "error" : "allow",
    onStoreError = isEnforced ? "block" : "allow",
  } = options;
  for (const model of downgradeTo)
    if (unknownPrice === "error" && findModel(model)?.prices === undefined)
      fail(
        `the price of "${model}" in downgradeTo is not known: call registerModel first, or set unknownPrice.`,
      );
  return {
    trackersOf: trackersOf(options),
    isEnforced,
    isShadow: shadow,
    onExceeded,
    downgradeTo,
    // Shadow mode is for seeing what these settings would do.
    unknownPrice: shadow && unknownPrice === "error" ? "allow" : unknownPrice,
    assumedPrice: typeof unknownPrice === "object" ? unknownPrice : undefined,
    onStoreError: shadow ? "allow" : onStoreError,
  };
}

const IN_PLACE = [
  "name",
  "key",
  "dailyBudgetUsd",
  "monthlyBudgetUsd",
  "budgets",
  "store",
] as const satisfies readonly (keyof CostTrackingOptions)[];

function trackersOf(options: CostTrackingOptions): Settings["trackersOf"] {
  const { store, budgets, tracker } = options;
  const given = IN_PLACE.filter((name) => options[name] !== undefined);
  if (tracker !== undefined) {
    if (given.length > 0)
      fail(`the option "tracker" comes in place of "${given[0]}".`);
    return () => [tracker];
  }
  if (store === undefined)
    return fail(
      'the option "store" is missing: give a store that keeps budgets, such as dynamoDBStore().',
    );
  if (budgets !== undefined && given.length > 2)
    fail(`the option "budgets" comes in place of "${given[0]}".`);
  if (budgets?.length === 0) fail('the option "budgets" is empty.');

  const names = new Set<string>();
  const makers = (budgets ?? [options]).map((budget, index) => {
    if (budgets !== undefined)
      validateOptions(
        `costTracking: budgets[${index}]`,
        oneBudgetChecks,
        budget,
      );
    const { key } = budget;
    const { name = key === undefined ? "global" : "key" } = budget;
    if (names.has(name))
      fail(
        `two budgets have the name "${name}": give them names of their own.`,
      );
    names.add(name);
    const isForAll = key === undefined && budgets !== undefined;
    return (event: unknown, context: LambdaContext) =>
      new CostTracker({
        store,
        name: budget.name,
        key: isForAll ? undefined : keyOf(budget, event, context),
        dailyBudgetUsd: limitOf("dailyBudgetUsd", budget, event, context),
        monthlyBudgetUsd: limitOf("monthlyBudgetUsd", budget, event, context),
      });
  });
  return (event, context) => makers.map((make) => make(event, context));
}

/** Of the tenant whose function it is, where nothing else is said. */
function keyOf(
  { name = "key", key }: BudgetOptions,
  event: unknown,
  context: LambdaContext,
): string | undefined {
  // Null where types do not reach: no tenant.
  const tenantId = context.tenantId ?? undefined;
  if (key === undefined && tenantId === undefined) return undefined;
  const id = key === undefined ? tenantId : key(event, context);
  try {
    // An undefined key would be none at all, and the budget one for everybody.
    checkId(`key of the budget "${name}"`, id);
    return id;
  } catch (error) {
    // Nothing else is thrown there.
    const { message } = error as Error;
    return fail(
      key === undefined
        ? `without the option "key", it is context.tenantId that says whose budget it is. ${message}`
        : `the option "key" has to return whose budget it is, such as the authenticated caller's tenant. ${message}`,
    );
  }
}

function limitOf(
  option: "dailyBudgetUsd" | "monthlyBudgetUsd",
  { [option]: limit }: BudgetOptions,
  event: unknown,
  context: LambdaContext,
): number | undefined {
  if (typeof limit !== "function") return limit;
  const usd = limit(event, context);
  const expected = usd === undefined ? undefined : budgetUsd(usd);
  if (expected !== undefined)
    fail(
      `the function "${option}" has to return ${expected}, or undefined for no limit.`,
    );
  return usd;
}
