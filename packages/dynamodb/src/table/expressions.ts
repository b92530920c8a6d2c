import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { type Attributes, toAttributes } from "./attributes.ts";

/** What the `#names` and `:values` of expressions stand for. */
export interface Expressions {
  /** Only for attributes whose name is not the alias itself. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  readonly values?: Attributes | undefined;
}

interface ExpressionInput {
  readonly UpdateExpression?: string;
  readonly ConditionExpression?: string;
  readonly KeyConditionExpression?: string;
  readonly ProjectionExpression?: string;
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>;
}

const ALIAS = /#\w+/g;

/** Every attribute is written as `#name` in an expression: hundreds of names are reserved, and more may come. */
export function expressionInput(
  { names = {}, values }: Expressions,
  expressions: Readonly<Record<string, string | undefined>>,
): ExpressionInput {
  const given = Object.entries(expressions).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const aliases = given.flatMap(([, text]) =>
    Array.from(text.matchAll(ALIAS), ([alias]) => alias),
  );
  return {
    ...Object.fromEntries(given),
    ...(aliases.length > 0 && {
      ExpressionAttributeNames: Object.fromEntries(
        aliases.map((alias) => [alias, names[alias] ?? alias.slice(1)]),
      ),
    }),
    ...(values && { ExpressionAttributeValues: toAttributes(values) }),
  };
}
