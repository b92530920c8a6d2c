import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { type IamPolicyOptions, iamPolicy } from "@lambdallm/dynamodb";

const tableArn = "arn:aws:dynamodb:eu-west-1:111122223333:table/lambdallm";

describe("iamPolicy", () => {
  test("allows each feature its own actions on its own keys", () => {
    expect(
      iamPolicy({
        tableArn,
        features: ["sessions", "delete-sessions", "sessions"],
      }),
    ).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "LambdaLLMSessions",
          Effect: "Allow",
          Action: [
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
          ],
          Resource: tableArn,
          Condition: {
            "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["S#*"] },
          },
        },
        {
          Sid: "LambdaLLMDeleteSessions",
          Effect: "Allow",
          Action: ["dynamodb:BatchWriteItem", "dynamodb:Query"],
          Resource: tableArn,
          Condition: {
            "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["S#*"] },
          },
        },
      ],
    });
  });

  test("confines a role to a tenant, also to one that its tag names", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of IAM
    const tenantId = "${aws:PrincipalTag/tenant}";
    const { Statement } = iamPolicy({
      tableArn,
      features: ["sessions", "budgets", "steps"],
      tenantId,
    });
    expect(
      Statement.flatMap(
        ({ Condition }) =>
          Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"],
      ),
    ).toEqual([`S#${tenantId}#*`, `B#${tenantId}#*`, `R#${tenantId}#*`]);
  });

  test("allows neither scans nor transactions nor changes of the table", () => {
    const policy = JSON.stringify(
      iamPolicy({
        tableArn,
        features: ["sessions", "delete-sessions", "budgets", "steps"],
      }),
    );
    expect(policy).not.toMatch(/Scan|Transact|Table"|dynamodb:\*/);
  });

  test.each([
    [undefined, 'the option "tableArn" is missing.'],
    [{ features: ["sessions"] }, 'the option "tableArn" is missing.'],
    [{ tableArn }, 'the option "features" is missing: name at least one of'],
    [
      { tableArn, features: [] },
      'the option "features" is empty: name at least one of sessions, delete-sessions, budgets, steps.',
    ],
    [
      { tableArn, features: ["everything"] },
      'the option "features" must be an array of sessions,',
    ],
    [{ tableArn: "", features: ["sessions"] }, 'the option "tableArn" must be'],
    [
      { tableArn, features: ["sessions"], tenant: "acme" },
      'there is no option "tenant"',
    ],
    ...["*", "acme*", "a?me", "acme#b", ""].map(
      (tenantId) =>
        [
          { tableArn, features: ["sessions"], tenantId },
          'the option "tenantId" must be',
        ] as const,
    ),
  ])("refuses %j", (options, problem) => {
    // The types forbid most of it.
    const make = () => iamPolicy(options as IamPolicyOptions);
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(`iamPolicy: ${problem}`);
  });
});
