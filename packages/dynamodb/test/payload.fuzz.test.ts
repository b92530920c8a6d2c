import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { JsonValue } from "@lambdallm/core";
import type { SessionMessage } from "@lambdallm/core/stores";
import fc from "fast-check";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient } from "../../../test-support/dynamodb-client.ts";
import { jsonWithBytes } from "../../../test-support/json-with-bytes.ts";
import { newSession, newStep, storeOf } from "./support.ts";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

test("whatever is in a message comes back as it was, bytes as bytes and their likenesses as they are", async () => {
  const { sessions } = storeOf(table, plainClient(table.clientConfig));
  await fc.assert(
    fc.asyncProperty(jsonWithBytes, async (value) => {
      const key = newSession();
      const messages: SessionMessage[] = [
        { role: "user", content: [{ $unknown: ["x", value] }] },
      ];
      await sessions.append(key, { first: 0, messages, writeId: "w" });
      const [turn] = (await sessions.load(key)).turns;
      expect(turn?.messages).toEqual(messages);
      expect(Reflect.get({}, "polluted")).toBeUndefined();
    }),
  );
});

test("whatever JSON a step gives comes back as it was", async () => {
  const { steps } = storeOf(table, plainClient(table.clientConfig));
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), async (value) => {
      const key = newStep();
      // JSON has no -0.
      const output: JsonValue = JSON.parse(JSON.stringify(value));
      await steps.claim(key, { owner: "a", leaseMs: 60_000 });
      await steps.commit(key, 1, output);
      expect(await steps.claim(key, { owner: "b", leaseMs: 60_000 })).toEqual({
        status: "done",
        output,
      });
    }),
    { numRuns: 50 },
  );
});
