import { readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import logging, {
  type Logger,
  LoggingMiddleware,
  type LoggingOptions,
  redact,
} from "@lambdallm/logging";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";
import middy from "@middy/core";
import { DEFAULT_LEVELS } from "../src/levels.ts";

// The README's example and its test.
const makeHandler = (options: LoggingOptions) =>
  middy<{ text: string }>()
    .use(bedrock({ region: "us-east-1" }))
    .use(logging(options))
    .handler(async ({ text }, context) =>
      context.invoke("Summarize:\n\n{text}", { text }),
    );

test(
  "records what a summary costs",
  mockModel({ responses: ["Short."] }, async () => {
    const records: object[] = [];
    const keep = (record: object) => records.push(record);
    const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
    const handler = makeHandler({ logger });
    await handler({ text: "Long." }, new MockLambdaContext());
    expect(records).toContainEqual(
      expect.objectContaining({
        event: "call-end",
        costUsd: expect.any(Number),
      }),
    );
  }),
);

test("LoggingMiddleware is another name of it", () => {
  expect(LoggingMiddleware).toBe(logging);
});

test("A function that the README adds to the rules finds what it is for", () => {
  const ibans = (text: string) =>
    text.replace(/\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b/g, "[iban]");
  expect(ibans(redact("DE89370400440532013000, a@example.com"))).toBe(
    "[iban], [email]",
  );
});

test("The README has every record, and the level of each", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const table = readme.slice(
    readme.indexOf("## The records"),
    readme.indexOf("### The fields"),
  );
  const rows = [
    ...table.matchAll(
      /^\| (`.+?`) \| ((?:debug|info|warn|error)[a-z, ]*) \|/gm,
    ),
  ];
  const levels = rows.flatMap(([, events = "", given = ""]) => {
    const [first, second = first] = given.split(", ");
    const [one = "", another] = events.replaceAll("`", "").split(", ");
    return [[one, first], ...(another ? [[another, second]] : [])];
  });
  expect(Object.fromEntries(levels)).toEqual(DEFAULT_LEVELS);
});
