import { check, validateOptions } from "@lambdallm/core/feature";
import { checkId, type Stores } from "@lambdallm/core/stores";
import { DynamoDBBudgetStore } from "./budgets/budget-store.ts";
import { DynamoDBSessionStore } from "./sessions/session-store.ts";
import { DynamoDBStepStore } from "./steps/step-store.ts";
import {
  type ClientOptions,
  clientChecks,
  clientSource,
} from "./table/client.ts";
import { Table } from "./table/table.ts";
import { givenTableName, tableNameCheck } from "./table/table-name.ts";

/** The table and how it is reached. */
export interface DynamoDBStoreOptions extends ClientOptions {
  /** Its name or its ARN; mostly `process.env.TABLE_NAME`. */
  readonly tableName: string | undefined;
  /**
   * Puts the tenant into the keys of budgets and steps too, as it is in those of sessions, and refuses sessions of others.
   * With it a role can be confined to a tenant (`iamPolicy`).
   * @default none
   */
  readonly tenantId?: string | undefined;
  /** Milliseconds for an operation, retries included; for those that read or delete many pages, for each page. @default 5_000 */
  readonly timeoutMs?: number | undefined;
  /**
   * Milliseconds by which the clocks of two functions may differ: a lease is taken over this much after its end.
   * @default 5_000
   */
  readonly skewMarginMs?: number | undefined;
  /** Days that budgets and reports are kept after their last change. @default 400 */
  readonly budgetRetentionDays?: number | undefined;
  /** The clock for expiry and leases, in epoch milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** From 0 to 1, for the waits between retries. @default Math.random */
  readonly random?: (() => number) | undefined;
}

const OWNER = "dynamoDBStore";
const DEFAULT_TIMEOUT_MS = 5_000;
const DEFAULT_SKEW_MARGIN_MS = 5_000;
const DEFAULT_RETENTION_DAYS = 400;
const DAY_MS = 86_400_000;

const checks = {
  ...clientChecks,
  tableName: tableNameCheck,
  tenantId: check.text,
  timeoutMs: check.positiveInteger,
  skewMarginMs: check.wholeNumber,
  budgetRetentionDays: check.positiveInteger,
  now: check.function,
  random: check.function,
};

/** @throws {ConfigurationError} naming the option that does not exist, has a wrong value or is missing. */
export function dynamoDBStoreValidateOptions(options: unknown = {}): void {
  validateOptions(OWNER, checks, options);
  // Checked to be one.
  givenTableName(OWNER, (options as DynamoDBStoreOptions).tableName);
}

/**
 * Sessions, budgets and steps on one DynamoDB table. Nothing is sent before the first use.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong.
 * @example
 * const store = dynamoDBStore({ tableName: process.env.TABLE_NAME });
 * middy(chat).use(bedrock()).use(session({ store, id: (event) => event.sessionId }));
 */
export function dynamoDBStore(options: DynamoDBStoreOptions): Stores {
  dynamoDBStoreValidateOptions(options);
  const { tenantId } = options;
  if (tenantId !== undefined) checkId("tenant id", tenantId);
  const {
    timeoutMs = DEFAULT_TIMEOUT_MS,
    skewMarginMs = DEFAULT_SKEW_MARGIN_MS,
    budgetRetentionDays = DEFAULT_RETENTION_DAYS,
    // Read at each use: tests set the date after their stores are made.
    now = () => Date.now(),
    random = Math.random,
  } = options;
  const table = new Table({
    tableName: givenTableName(OWNER, options.tableName),
    client: clientSource(OWNER, options),
    timeoutMs,
    now,
    random,
    tenantId,
  });
  return {
    sessions: new DynamoDBSessionStore(table, skewMarginMs),
    budgets: new DynamoDBBudgetStore(table, budgetRetentionDays * DAY_MS),
    steps: new DynamoDBStepStore(table, skewMarginMs),
  };
}

export default dynamoDBStore;
