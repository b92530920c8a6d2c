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

test("the function may do on the table what the store says it needs, and nothing else", () => {
  const tableArn = "arn:aws:dynamodb:us-east-1:123456789012:table/runs";
  const { Statement } = iamPolicy({ tableArn, features: ["steps"] });
  expect(Resources.RunPolicy.Properties.PolicyDocument.Statement).toEqual(
    Statement.map((statement) => ({ ...statement, Resource: "Table.Arn" })),
  );
});
