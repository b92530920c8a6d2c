import { ConfigurationError } from "@lambdallm/core";
import { check, type OptionCheck } from "@lambdallm/core/feature";

const nameOrArn = check.matching(
  /^(?:arn:[\w-]+:dynamodb:[\w-]+:\d{12}:table\/)?[\w.-]{3,255}$/,
  '3 to 255 of a-z, A-Z, 0-9, "_", "-" and ".", or the ARN of a table',
);

/** By DynamoDB's own rule. An empty one is left to {@link givenTableName}. */
export const tableNameCheck: OptionCheck = (value) =>
  value === "" ? undefined : nameOrArn(value);

/** @throws {ConfigurationError} An environment variable that nobody set is missing, or empty. */
export function givenTableName(
  owner: string,
  tableName: string | undefined,
): string {
  if (tableName) return tableName;
  throw new ConfigurationError(
    `${owner}: the option "tableName" is ${tableName === undefined ? "missing" : "empty"}. If it is process.env.TABLE_NAME, set that variable on the function.`,
  );
}
