import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Chain, type ChainResult, Step } from "@lambdallm/chain";
import { checkpointJournal } from "@lambdallm/checkpoint";
import {
  InvocationTimeoutError,
  type Journal,
  JournalMismatchError,
} from "@lambdallm/core";
import { memoryJournal, memoryStores } from "@lambdallm/core/stores";
import {
  inMemory,
  onDurable,
  onStore,
  type TestHost,
} from "../../../test-support/hosts.ts";
import { answering, inHandler, rejection } from "./support.ts";

/** Output tokens that cost one cent, at 5 USD per million. */
const CENT_TOKENS = 2_000;

/** A deployed version of a chain: a step whose name ends with "!" has no time when it is run first. */
function version(
  names: readonly string[],
  settings: {
    readonly maxTotalCostUsd?: number;
    readonly concurrency?: number;
  } = {},
) {
  const ran: string[] = [];
  const cut = new Set<string>();
  const chain = new Chain({
    name: "deployed",
    timeoutStrategy: "checkpoint",
    ...settings,
    steps: names.map((given) => {
      const [name = ""] = given.split("!");
      return new Step({
        name,
        needs: [],
        func: async ({ llm }) => {
          if (given.endsWith("!") && !cut.has(name)) {
            cut.add(name);
            // The others end first: their outcome must not depend on it.
            await new Promise((resolve) => setImmediate(resolve));
            throw new InvocationTimeoutError("The time was over.");
          }
          ran.push(name);
          return llm.invoke(name, {}, { maxTokens: CENT_TOKENS });
        },
      });
    }),
  });
  const model = answering((prompt) => ({
    text: prompt,
    usage: { inputTokens: 0, outputTokens: CENT_TOKENS },
  }));
  return {
    ran,
    run: (journal: Journal): Promise<ChainResult> =>
      inHandler((context) => chain.run(context, {}, { journal }), {
        provider: model.middleware(),
      }),
  };
}

let hosts: readonly TestHost[];
beforeAll(async () => {
  hosts = [inMemory(), onStore(), await onDurable()];
});
afterAll(async () => {
  for (const host of hosts) await host[Symbol.asyncDispose]();
});

describe.each([
  [0, "a journal in memory"],
  [1, "a journal in a store"],
  [2, "durable functions"],
])("On host %i, %s,", (index, name) => {
  const host = (): TestHost => {
    const found = hosts[index];
    if (found === undefined) throw new Error(`There is no host ${index}.`);
    expect(found.name).toBe(name);
    return found;
  };

  test("a run that was cut off goes on where it was, and its costs are those of all parts", async () => {
    const { run, ran } = version(["a", "b!", "c"]);
    const result = await host().run(run);
    expect(result).toMatchObject({
      status: "completed",
      outputs: { a: "a", b: "b", c: "c" },
      totalCostUsd: 0.03,
    });
    expect([...ran].sort()).toEqual(["a", "b", "c"]);
  });

  test.each<
    [change: string, names: readonly string[], words: readonly string[]]
  >([
    ["lost", ["a", "c"], ['step "b"', 'step "c"', "position 2"]],
    ["lost at its end", ["a", "b!"], ['step "c"', "ends without it"]],
    ["gained", ["a", "x", "b!", "c"], ['step "b"', 'step "x"', "position 2"]],
    ["gained at its end", ["a", "b!", "c", "x"], ["nothing", 'step "x"']],
    ["renamed", ["a", "y", "c"], ['step "b"', 'step "y"', "position 2"]],
  ])(
    "a chain that has %s a step ends with an error that names both, and runs nothing",
    async (_change, names, words) => {
      const before = version(["a", "b!", "c"]);
      const after = version(names);
      const error = await rejection(host().run(before.run, after.run));
      expect(error).toBeInstanceOf(JournalMismatchError);
      for (const word of [...words, 'the chain "deployed"'])
        expect((error as Error).message).toContain(word);
      expect([...before.ran].sort()).toEqual(["a", "c"]);
      expect(after.ran).toEqual([]);
    },
  );

  test("the budget counts what was spent before, whichever steps come first", async () => {
    const { run, ran } = version(["a!", "b", "c"], { maxTotalCostUsd: 0.035 });
    const result = await host().run(run);
    expect(result).toMatchObject({ status: "completed", totalCostUsd: 0.03 });
    ran.length = 0;
    const short = version(["a!", "b", "c"], {
      maxTotalCostUsd: 0.026,
      concurrency: 2,
    });
    expect(await host().run(short.run)).toMatchObject({
      status: "failed",
      error: { step: "a", code: "BUDGET_EXCEEDED" },
      totalCostUsd: 0.02,
    });
  });
});

describe("After a mismatch", () => {
  test("the version that began the run can end it, in memory", async () => {
    const before = version(["a", "b!"]);
    const journal = memoryJournal();
    expect((await before.run(journal)).status).toBe("checkpointed");
    await rejection(version(["b", "a"]).run(journal.resume()));
    expect(await before.run(journal.resume())).toMatchObject({
      status: "completed",
      outputs: { a: "a", b: "b" },
    });
    expect(before.ran).toEqual(["a", "b"]);
  });

  test("the same in a store", async () => {
    const store = memoryStores();
    const before = version(["a", "b!"]);
    const first = await checkpointJournal(store);
    await first.suspend(
      (await rejection(before.run(first))) as Parameters<
        typeof first.suspend
      >[0],
    );
    const second = await checkpointJournal(store, first.runId);
    await second.fail(await rejection(version(["b", "a"]).run(second)));
    const third = await checkpointJournal(store, first.runId);
    expect(await before.run(third)).toMatchObject({
      status: "completed",
      outputs: { a: "a", b: "b" },
      runId: first.runId,
    });
    await third.complete("done");
    expect(before.ran).toEqual(["a", "b"]);
  });
});

describe("Results and errors", () => {
  test("are equal on all hosts", async () => {
    const broken = new Chain({
      name: "broken",
      steps: [
        new Step({
          name: "a",
          func: () => ({ at: new Date(0), bytes: new Uint8Array([1, 2]) }),
        }),
        new Step({
          name: "b",
          func: () => {
            throw Object.assign(new TypeError("No."), {
              statusCode: 409,
              expose: true,
              detail: { n: 1 },
            });
          },
        }),
        new Step({ name: "c", needs: [], func: () => 5n }),
        new Step({ name: "d", needs: ["c"], func: () => 5 }),
      ],
    });
    const results = [];
    for (const host of hosts) {
      const { runId: _, ...result } = await host.run((journal) =>
        inHandler((context) => broken.run(context, {}, { journal })),
      );
      results.push(result);
    }
    const [first, ...others] = results;
    expect(first).toMatchObject({
      status: "failed",
      outputs: {
        a: { at: "1970-01-01T00:00:00.000Z", bytes: new Uint8Array([1, 2]) },
      },
      error: {
        step: "b",
        code: "TypeError",
        statusCode: 409,
        data: { detail: { n: 1 } },
      },
      steps: [
        {},
        {},
        { error: { code: "RESULT_NOT_JSON" } },
        { status: "not-run" },
      ],
    });
    for (const other of others) expect(other).toEqual(first);
  });
});
