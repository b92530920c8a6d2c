import { readFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { iamPolicy, tableDefinition } from "@lambdallm/dynamodb";
import { parse } from "yaml";

const template = new URL("../template.yaml", import.meta.url);
// The values of CloudFormation's tags (`!Ref`) are read as plain text.
const { Resources } = parse(await readFile(template, "utf8"), {
  logLevel: "silent",
});

test("the template has the table that the store needs", () => {
  expect(Resources.Table.Properties).toEqual(tableDefinition);
});

test("the functions may do on the table what the store says they need, and nothing else", () => {
  const tableArn = "arn:aws:dynamodb:us-east-1:123456789012:table/research";
  const { Statement } = iamPolicy({ tableArn, features: ["steps"] });
  expect(Resources.RunPolicy.Properties.PolicyDocument.Statement).toEqual(
    Statement.map((statement) => ({ ...statement, Resource: "Table.Arn" })),
  );
});

test("only the agent may call models", () => {
  for (const [name, policies] of [
    ["Research", ["ModelPolicy", "RunPolicy"]],
    ["Waiting", ["RunPolicy"]],
    ["Decide", ["RunPolicy"]],
  ] as const)
    expect(Resources[name].Properties.Policies).toEqual(policies);
});
