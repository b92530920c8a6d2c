import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type IamFeature, iamPolicy } from "@lambdallm/dynamodb";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import type { RecordedRequest } from "../../../test-support/dynamodb-client.ts";
import {
  newSession,
  newStep,
  noise,
  picture,
  recorded,
  say,
} from "./support.ts";

const AT = Date.UTC(2026, 10, 22);

let table: TestTable;
let byFeature: Readonly<Record<IamFeature, readonly RecordedRequest[]>>;
let all: readonly RecordedRequest[];

beforeAll(async () => {
  table = await startTable();
  const { sessions, budgets, steps, requests } = recorded(table);
  const take = () => requests.splice(0);
  const expiresAt = Date.now() + 60_000;

  const key = newSession();
  const turn = { first: 0, messages: [say("a")], writeId: "w", expiresAt };
  await sessions.append(key, turn);
  await sessions.append(key, turn);
  const large = [picture(noise(500_000))];
  await sessions.append(key, { ...turn, first: 1, messages: large });
  await sessions.saveSummary(key, { text: "s", upTo: 1, expiresAt });
  for (const expectedVersion of [0, 1]) {
    const header = { expectedVersion, metadata: { a: 1 }, writeId: "w" };
    await sessions.saveHeader(key, {
      ...header,
      ...(expectedVersion && { expiresAt }),
    });
  }
  const fence = await sessions.lock(key, { owner: "a", leaseMs: 60_000 });
  await sessions.lock(key, { owner: "a", leaseMs: 120_000 });
  await sessions.unlock(key, fence ?? 0);
  await sessions.load(key);
  await sessions.load(key, { lastMessages: 1, from: 1 });
  const forSessions = take();
  await sessions.delete(key);
  const forDeletion = take();

  const call = { scope: "s", amountNanoUsd: 1, at: AT, expiresAt: AT + 1_000 };
  const limits = { dailyNanoUsd: 2, monthlyNanoUsd: 2 };
  const first = await budgets.reserve({ ...call, id: "a", limits });
  await budgets.reserve({ ...call, id: "b", limits });
  await budgets.reserve({ ...call, id: "c", limits });
  await budgets.reserve({ ...call, id: "d", limits: {} });
  await budgets.reserve({ ...call, id: "e", amountNanoUsd: 3, limits });
  if (first.reserved) await budgets.settle(first.reservation, 2);
  await budgets.reap("s", AT + 2_000);
  await budgets.read("s", AT);
  const row = {
    model: "m",
    prompt: "p",
    calls: 1,
    inputTokens: 1,
    outputTokens: 1,
    costNanoUsd: 1,
  };
  await budgets.record("s", {
    day: "2026-11-22",
    key: "k",
    writeId: "w",
    rows: [row],
  });
  await budgets.report("s", { from: "2026-11-01", to: "2026-11-30" });
  const forBudgets = take();

  const step = newStep();
  const claim = { owner: "a", leaseMs: 60_000 };
  await steps.claim(step, { ...claim, inputHash: "h", expiresAt });
  await steps.claim(step, { ...claim, leaseMs: 120_000 });
  await steps.claim(step, { ...claim, owner: "b" });
  await steps.renew(step, 1, 60_000);
  await steps.fail(step, 1, "error");
  await steps.claim(step, claim);
  await steps.commit(step, 2, Buffer.from(noise(100_000)).toString("base64"));
  await steps.find(step);
  await steps.list(step.runId);
  await steps.enlist("waiting", { id: "a", value: 1, expiresAt });
  await steps.enlist("waiting", { id: "b", value: 2 });
  await steps.delist("waiting", "a");
  await steps.entries("waiting");
  await steps.entries("waiting", { after: "a", limit: 1 });
  const forSteps = take();

  byFeature = {
    sessions: forSessions,
    "delete-sessions": forDeletion,
    budgets: forBudgets,
    steps: forSteps,
  };
  all = Object.values(byFeature).flat();
});
afterAll(() => table.stop());

describe("Every request", () => {
  test("that reads is strongly consistent", () => {
    const reads = all.filter(({ action }) => /^(?:Get|Query)/.test(action));
    expect(reads.length).toBeGreaterThan(10);
    for (const { input } of reads)
      expect(input).toMatchObject({ ConsistentRead: true });
  });

  test("names attributes by aliases only, and no alias or value that it does not use", () => {
    const parts = [
      "UpdateExpression",
      "ConditionExpression",
      "KeyConditionExpression",
      "ProjectionExpression",
      "FilterExpression",
    ];
    const words =
      /\b(?:SET|REMOVE|ADD|AND|OR|NOT|BETWEEN|attribute_exists|attribute_not_exists|if_not_exists|begins_with|contains)\b/g;
    for (const { input } of all) {
      const expressions = parts.map((part) => input[part] ?? "").join(" ");
      const rest = expressions.replace(/[#:]\w+/g, "").replace(words, "");
      expect(rest).toMatch(/^[\s=<>+\-(),]*$/);
      const used = new Set(expressions.match(/[#:]\w+/g));
      const given = [
        ...Object.keys(Object(input["ExpressionAttributeNames"])),
        ...Object.keys(Object(input["ExpressionAttributeValues"])),
      ];
      expect(new Set(given)).toEqual(used);
    }
  });

  test("that sets an end sets it in whole seconds, which is what DynamoDB deletes by", () => {
    const ends = all.flatMap(({ input }) => {
      const item = Object(input["Item"]);
      const values = Object(input["ExpressionAttributeValues"]);
      return [item.ttl, values[":ttl"]].filter(Boolean);
    });
    expect(ends.length).toBeGreaterThan(5);
    for (const { N } of ends) {
      expect(N).toMatch(/^\d{10}$/);
      // Not in the past, in which DynamoDB deletes at once.
      expect(Number(N) * 1_000).toBeGreaterThan(AT);
    }
  });

  test.each<IamFeature>(["sessions", "delete-sessions", "budgets", "steps"])(
    "for %s is allowed by the policy, which allows nothing else",
    (feature) => {
      const policy = iamPolicy({
        tableArn: "arn:aws:dynamodb:eu-west-1:111122223333:table/lambdallm",
        features: [feature],
      });
      const [statement] = policy.Statement;
      const used = new Set(
        byFeature[feature].map(({ action }) => `dynamodb:${action}`),
      );
      expect([...used].sort()).toEqual(statement?.Action);
      const [keys = ""] =
        statement?.Condition["ForAllValues:StringLike"][
          "dynamodb:LeadingKeys"
        ] ?? [];
      expect(keys).toMatch(/^[SBR]#\*$/);
      for (const { input } of byFeature[feature])
        for (const partition of partitionsOf(input))
          expect(partition.startsWith(keys.slice(0, -1))).toBe(true);
    },
  );

  test("is none of a transaction, and none that scans", () => {
    for (const { action } of all) expect(action).not.toMatch(/Transact|Scan/);
  });
});

function partitionsOf(
  input: Readonly<Record<string, unknown>>,
): readonly string[] {
  const { Key, Item, ExpressionAttributeValues, RequestItems } = Object(input);
  const deletes = Object.values(Object(RequestItems)).flat().map(Object);
  return [
    Key?.PK,
    Item?.PK,
    ExpressionAttributeValues?.[":pk"],
    ...deletes.map(({ DeleteRequest }) => DeleteRequest.Key.PK),
  ].flatMap((value) => value?.S ?? []);
}
