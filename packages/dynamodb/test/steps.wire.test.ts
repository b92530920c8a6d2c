import { DeleteItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ConfigurationError, type JsonValue } from "@lambdallm/core";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  plainClient,
  returnRefusingItems,
  withholdRefusingItems,
} from "../../../test-support/dynamodb-client.ts";
import {
  digest,
  failureOf,
  itemsOf,
  newStep,
  noiseText,
  storeOf,
  times,
} from "./support.ts";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const client = () => plainClient(table.clientConfig);
const stepsOf = (
  ...options: Parameters<typeof storeOf> extends [
    unknown,
    unknown,
    ...infer Rest,
  ]
    ? Rest
    : never
) => storeOf(table, client(), ...options).steps;
const claimOf = (owner: string, leaseMs = 60_000) => ({ owner, leaseMs });

const itemsIn = (runId: string) => itemsOf(table, `R#${runId}`);

describe("A clock that is 10 s fast", () => {
  const now = Date.now();
  const fast = now + 10_000;

  test("steals a live lease of 5 s without a margin: both execute, one commits", async () => {
    const key = newStep();
    const right = stepsOf({ now: () => now, skewMarginMs: 0 });
    const wrong = stepsOf({ now: () => fast, skewMarginMs: 0 });
    expect(await right.claim(key, claimOf("a", 5_000))).toEqual({
      status: "claimed",
      fence: 1,
    });
    expect(await wrong.claim(key, claimOf("b", 5_000))).toEqual({
      status: "claimed",
      fence: 2,
    });
    expect(await right.commit(key, 1, "a")).toBe(false);
    expect(await wrong.commit(key, 2, "b")).toBe(true);
    expect(await right.claim(key, claimOf("c"))).toEqual({
      status: "done",
      output: "b",
    });
  });

  test("waits with a margin of 15 s", async () => {
    const key = newStep();
    const right = stepsOf({ now: () => now, skewMarginMs: 15_000 });
    const wrong = stepsOf({ now: () => fast, skewMarginMs: 15_000 });
    await right.claim(key, claimOf("a", 5_000));
    expect(await wrong.claim(key, claimOf("b"))).toEqual({
      status: "running",
      expiresAt: now + 5_000,
      freeAt: now + 20_001,
    });
    expect(await right.commit(key, 1, "a")).toBe(true);
  });

  test("has 5 s of margin unless it is said otherwise", async () => {
    const key = newStep();
    await stepsOf({ now: () => now }).claim(key, claimOf("a", 5_000));
    const atEnd = await stepsOf({ now: () => fast }).claim(key, claimOf("b"));
    expect(atEnd).toMatchObject({ status: "running", freeAt: fast + 1 });
    const later = await stepsOf({ now: () => fast + 1 }).claim(
      key,
      claimOf("b"),
    );
    expect(later.status).toBe("claimed");
  });
});

describe("Outputs", () => {
  const text = (bytes: number) => "Größe 日本語 🦜 \n".repeat(bytes / 25);
  const outputs: readonly (readonly [string, JsonValue, number])[] = [
    ["64 KB of text", text(64_000), 1],
    ["380 KB of text", text(380_000), 1],
    ["1 MB of text", text(1_000_000), 1],
    ["4 MB of text", text(4_000_000), 1],
    ["64 KB that cannot be zipped", noiseText(64_000), 1],
    ["380 KB that cannot be zipped", noiseText(380_000), 2],
    ["1 MB that cannot be zipped", noiseText(1_000_000), 4],
    ["4 MB that cannot be zipped", noiseText(4_000_000), 10],
  ];

  test.each(outputs)(
    "of %s come back byte by byte",
    async (_, output, items) => {
      const key = newStep();
      const steps = stepsOf();
      await steps.claim(key, claimOf("a"));
      expect(await steps.commit(key, 1, output)).toBe(true);
      expect(await steps.commit(key, 1, output)).toBe(true);
      expect(await itemsIn(key.runId)).toHaveLength(items);
      const claimed = await steps.claim(key, claimOf("b"));
      expect(claimed.status === "done" && digest(claimed.output)).toBe(
        digest(output),
      );
      const [listed, ...others] = await steps.list(key.runId);
      expect(others).toEqual([]);
      expect(listed?.status === "done" && digest(listed.output)).toBe(
        digest(output),
      );
    },
  );

  test("have chunks that end with the record", async () => {
    const key = newStep();
    const steps = stepsOf();
    const expiresAt = Date.now() + 60_000;
    await steps.claim(key, { ...claimOf("a"), expiresAt });
    await steps.commit(key, 1, noiseText(400_000));
    const ttls = (await itemsIn(key.runId)).map(({ ttl }) => Number(ttl?.N));
    const seconds = Math.ceil(expiresAt / 1_000);
    expect(ttls).toEqual([seconds, seconds + 3_600]);
  });

  test("whose chunk is missing are an error", async () => {
    const key = newStep();
    const steps = stepsOf();
    await steps.claim(key, claimOf("a"));
    await steps.commit(key, 1, noiseText(1_000_000));
    const chunk = (await itemsIn(key.runId)).at(-1);
    await client().send(
      new DeleteItemCommand({
        TableName: table.tableName,
        Key: Object({ PK: chunk?.["PK"], SK: chunk?.["SK"] }),
      }),
    );
    for (const call of [
      () => steps.claim(key, claimOf("b")),
      () => steps.list(key.runId),
    ])
      expect(await failureOf(call())).toMatchObject({ reason: "corrupt" });
  });

  test("of a holder who was superseded do not get in the way", async () => {
    const key = newStep();
    let time = Date.now();
    const steps = stepsOf({ now: () => time, skewMarginMs: 0 });
    await steps.claim(key, claimOf("a", 1_000));
    time += 2_000;
    await steps.claim(key, claimOf("b", 1_000));
    expect(await steps.commit(key, 1, noiseText(400_000))).toBe(false);
    const output = noiseText(400_000);
    expect(await steps.commit(key, 2, output)).toBe(true);
    const claimed = await steps.claim(key, claimOf("c"));
    expect(claimed).toEqual({ status: "done", output });
  });

  test("of a step that nobody has claimed are not taken", async () => {
    const steps = stepsOf();
    expect(await steps.commit(newStep(), 1, noiseText(400_000))).toBe(false);
  });

  test("that are no JSON are refused", async () => {
    const key = newStep();
    const steps = stepsOf();
    await steps.claim(key, claimOf("a"));
    // The types forbid it.
    const nothing = undefined as unknown as JsonValue;
    expect(await failureOf(steps.commit(key, 1, nothing))).toBeInstanceOf(
      ConfigurationError,
    );
  });
});

describe("Steps", () => {
  test("of a run with more than a page are all listed", async () => {
    const { runId } = newStep();
    const steps = stepsOf();
    for (const index of times(30, Number)) {
      const key = { runId, step: String(index).padStart(6, "0") };
      await steps.claim(key, claimOf("a"));
      await steps.commit(key, 1, noiseText(60_000));
    }
    expect(await steps.list(runId)).toHaveLength(30);
  });

  test("of a store for one tenant are its own", async () => {
    const key = newStep();
    await stepsOf({ tenantId: "acme" }).claim(key, claimOf("a"));
    expect(await stepsOf().list(key.runId)).toEqual([]);
    const own = await stepsOf({ tenantId: "acme" }).list(key.runId);
    expect(own).toHaveLength(1);
  });

  test("are judged by the item that refused a claim, as the service gives it", async () => {
    const key = newStep();
    const { steps } = storeOf(
      table,
      returnRefusingItems(client(), table.clientConfig),
    );
    await steps.claim(key, claimOf("a"));
    expect((await steps.claim(key, claimOf("b"))).status).toBe("running");
    expect(await steps.claim(key, claimOf("a", 120_000))).toEqual({
      status: "claimed",
      fence: 1,
    });
    await steps.commit(key, 1, "out");
    expect(await steps.claim(key, claimOf("b"))).toEqual({
      status: "done",
      output: "out",
    });
  });

  const freedMeanwhile = {
    "has failed": async (key: ReturnType<typeof newStep>) => {
      await stepsOf().fail(key, 1, "error");
    },
    "was deleted": async (key: ReturnType<typeof newStep>) => {
      await client().send(
        new DeleteItemCommand({
          TableName: table.tableName,
          Key: { PK: { S: `R#${key.runId}` }, SK: { S: `STEP#${key.step}` } },
        }),
      );
    },
    "has expired": async (key: ReturnType<typeof newStep>) => {
      await rewrite(key, { x: { N: "1" } });
    },
    "has lost its lease": async (key: ReturnType<typeof newStep>) => {
      await rewrite(key, { exp: { N: "1" } });
    },
  };

  async function rewrite(key: ReturnType<typeof newStep>, part: object) {
    const [item] = await itemsIn(key.runId);
    await client().send(
      new PutItemCommand({
        TableName: table.tableName,
        Item: Object({ ...item, ...part }),
      }),
    );
  }

  test.each(Object.entries(freedMeanwhile))(
    "are claimed again when, between the refusal and the look at it, the step %s",
    async (_, free) => {
      const key = newStep();
      await stepsOf().claim(key, claimOf("a"));
      const slow = withholdRefusingItems(client());
      let reads = 0;
      slow.middlewareStack.add(
        (next, context) => async (args) => {
          if (context["commandName"] === "GetItemCommand" && ++reads === 1)
            await free(key);
          return next(args);
        },
        { step: "initialize" },
      );
      const outcome = await storeOf(table, slow).steps.claim(key, claimOf("b"));
      expect(outcome.status).toBe("claimed");
      expect(reads).toBe(1);
    },
  );

  test("are not held by an owner who was superseded before the renewal", async () => {
    const key = newStep();
    await stepsOf().claim(key, claimOf("a"));
    const slow = client();
    let updates = 0;
    slow.middlewareStack.add(
      (next, context) => async (args) => {
        if (context["commandName"] === "UpdateItemCommand" && ++updates === 2) {
          await stepsOf().fail(key, 1, "error");
          await stepsOf().claim(key, claimOf("b"));
        }
        return next(args);
      },
      { step: "initialize" },
    );
    const { steps } = storeOf(table, slow);
    expect((await steps.claim(key, claimOf("a", 120_000))).status).toBe(
      "running",
    );
  });

  test("in a state that nobody knows are corrupt", async () => {
    const key = newStep();
    await stepsOf().claim(key, claimOf("a"));
    await rewrite(key, {
      st: { S: "SLEEPING" },
      m: { S: "1" },
      exp: { S: "" },
    });
    for (const call of [
      () => stepsOf().list(key.runId),
      () => stepsOf().claim(key, claimOf("b")),
    ])
      expect(await failureOf(call())).toMatchObject({ reason: "corrupt" });
  });

  test("with a lease that is none are refused", async () => {
    const steps = stepsOf();
    for (const call of [
      () => steps.claim(newStep(), claimOf("a", 0)),
      () => steps.renew(newStep(), 1, Number.NaN),
    ])
      expect(await failureOf(call())).toBeInstanceOf(ConfigurationError);
  });
});
