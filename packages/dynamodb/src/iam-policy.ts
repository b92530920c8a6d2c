import { ConfigurationError } from "@lambdallm/core";
import { check, validateOptions } from "@lambdallm/core/feature";

/** Which parts of the store a role may use. `delete-sessions` comes on top of `sessions`. */
export type IamFeature = "sessions" | "delete-sessions" | "budgets" | "steps";

export interface IamPolicyOptions {
  /** Also a token of the CDK. */
  readonly tableArn: string;
  readonly features: readonly IamFeature[];
  /**
   * Confines the role to a tenant: an id, or a variable such as `${aws:PrincipalTag/tenant}`, without `*`, `?` and `#`. Needs the option `tenantId` of the store for budgets and steps.
   * @default every tenant
   */
  readonly tenantId?: string | undefined;
}

export interface IamStatement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: string;
  readonly Condition: {
    readonly "ForAllValues:StringLike": {
      readonly "dynamodb:LeadingKeys": readonly string[];
    };
  };
}

export interface IamPolicy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly IamStatement[];
}

interface Need {
  readonly sid: string;
  readonly actions: readonly string[];
  /** The kind of partition. */
  readonly keys: string;
}

const NEEDS: Readonly<Record<IamFeature, Need>> = {
  sessions: {
    sid: "LambdaLLMSessions",
    actions: ["GetItem", "PutItem", "Query", "UpdateItem"],
    keys: "S#",
  },
  "delete-sessions": {
    sid: "LambdaLLMDeleteSessions",
    actions: ["BatchWriteItem", "Query"],
    keys: "S#",
  },
  budgets: {
    sid: "LambdaLLMBudgets",
    actions: ["GetItem", "Query", "UpdateItem"],
    keys: "B#",
  },
  steps: {
    sid: "LambdaLLMSteps",
    actions: ["GetItem", "PutItem", "Query", "UpdateItem"],
    keys: "R#",
  },
};

const checks = {
  tableArn: check.text,
  features: check.listOf(...Object.keys(NEEDS)),
  // In a condition of IAM, wildcards are other tenants, and what follows a # is a session's id.
  tenantId: check.matching(
    /^[^*?#]+$/,
    'an id, or a variable of IAM, without "*", "?" and "#"',
  ),
};

/**
 * The least that a role needs, on this table and on the partitions of these features alone.
 *
 * @throws {ConfigurationError} for options that are wrong, or no features.
 */
export function iamPolicy(options: IamPolicyOptions): IamPolicy {
  // In JavaScript some may be missing, or all.
  const given: Partial<IamPolicyOptions> = options ?? {};
  validateOptions("iamPolicy", checks, given);
  const { tableArn, features, tenantId } = given;
  if (tableArn === undefined)
    throw new ConfigurationError(
      'iamPolicy: the option "tableArn" is missing.',
    );
  if (!features?.length)
    throw new ConfigurationError(
      `iamPolicy: the option "features" is ${features ? "empty" : "missing"}: name at least one of ${Object.keys(NEEDS).join(", ")}.`,
    );
  return {
    Version: "2012-10-17",
    Statement: [...new Set(features)].map((feature) => {
      const { sid, actions, keys } = NEEDS[feature];
      const leadingKeys = tenantId === undefined ? keys : `${keys}${tenantId}#`;
      return {
        Sid: sid,
        Effect: "Allow",
        Action: actions.map((action) => `dynamodb:${action}`),
        Resource: tableArn,
        Condition: {
          "ForAllValues:StringLike": {
            "dynamodb:LeadingKeys": [`${leadingKeys}*`],
          },
        },
      };
    }),
  };
}
