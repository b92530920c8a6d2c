import { check, type OptionCheck } from "@lambdallm/core";

/** Past this, amounts in nano-USD are no exact numbers any more. */
const MAX_BUDGET_USD = 9_000_000;

const budgetUsd: OptionCheck = (value) =>
  check.atLeastZero(value) === undefined && Number(value) <= MAX_BUDGET_USD
    ? undefined
    : `a number of USD from 0 to ${MAX_BUDGET_USD}`;

/** What the options of the middleware, of one of its budgets and of a tracker share. */
export const budgetChecks = {
  name: check.matching(
    /^[^#/]{1,100}$/,
    'a text of at most 100 characters without "#" and "/"',
  ),
  dailyBudgetUsd: budgetUsd,
  monthlyBudgetUsd: budgetUsd,
};

export const storeCheck: OptionCheck = (value) =>
  typeof Object(value).budgets?.reserve === "function"
    ? undefined
    : "a store that keeps budgets, such as dynamoDBStore()";
