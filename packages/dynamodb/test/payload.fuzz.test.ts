import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { JsonValue } from "@lambdallm/core";
import type { SessionMessage } from "@lambdallm/core/stores";
import fc from "fast-check";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient } from "../../../test-support/dynamodb-client.ts";
import { newSession, newStep, storeOf } from "./support.ts";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

/** Names that mean something to the encoding, to JavaScript or to DynamoDB. */
const names = fc.oneof(
  fc.constantFrom(
    "$bytes",
    "$$bytes",
    "$$$bytes",
    "__proto__",
    "constructor",
    "toJSON",
    "S",
    "B",
    "length",
    "",
  ),
  fc.string({ unit: "grapheme" }),
);

const { content } = fc.letrec((tie) => ({
  content: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .map((number) => number + 0),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.uint8Array(),
    fc.array(tie("content"), { maxLength: 4 }),
    fc.dictionary(names, tie("content"), { maxKeys: 4 }),
    // What looks like the encoding of bytes.
    fc.record({ $bytes: fc.base64String() }),
    fc.record({ $bytes: tie("content"), other: fc.constant(undefined) }),
  ),
}));

test("whatever is in a message comes back as it was, bytes as bytes and their likenesses as they are", async () => {
  const { sessions } = storeOf(table, plainClient(table.clientConfig));
  await fc.assert(
    fc.asyncProperty(content, async (value) => {
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
