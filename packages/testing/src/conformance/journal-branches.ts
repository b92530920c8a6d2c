import assert from "node:assert/strict";
import {
  describe,
  gate,
  type JournalTools,
  nobody,
  resultOf,
  twice,
  waitingFor,
} from "./journal-support.ts";
import { refuses, same } from "./same.ts";
import type { Cases } from "./suite.ts";

export const journalBranchCases: Cases<JournalTools> = {
  "branches run at the same time, each with steps of its own, and end in their order":
    async (tools) => {
      const meet = gate(3);
      const calls: string[] = [];
      const branch = (name: string) => ({
        run: async (journal: Parameters<JournalProgram>[0]) => {
          await journal.step("first", async () => {
            calls.push(name);
            await meet();
          });
          return journal.step("second", async () => name);
        },
      });
      const [first, again] = await twice(tools, (journal) =>
        journal.all(
          "letters",
          ["a", "b", "c"].map((name) => branch(name).run),
        ),
      );
      const expected = ["a", "b", "c"].map((value) => ({ ok: true, value }));
      same([first, again], [expected, expected]);
      same(calls.toSorted(), ["a", "b", "c"]);
    },

  "the failure of a branch is its outcome, equal in every run": async (
    tools,
  ) => {
    const [first, again] = await twice(tools, async (journal) => {
      const [bad, worse, good] = await journal.all<unknown>("mixed", [
        (branch) =>
          branch.step("bad", async () => {
            throw Object.assign(new Error("No."), { code: "NO" });
          }),
        async () => {
          throw new RangeError("Outside of a step.");
        },
        (branch) => branch.step("good", async () => "yes"),
      ]);
      assert.ok(bad && !bad.ok && worse && !worse.ok);
      return [describe(bad.error), describe(worse.error), good];
    });
    same(
      first.map((one) => Reflect.get(Object(one), "code")),
      ["NO", "RangeError", undefined],
    );
    assert.equal(Reflect.get(Object(first[0]), "step"), "bad");
    assert.equal(Reflect.get(Object(first[1]), "step"), "mixed");
    same(first[2], { ok: true, value: "yes" });
    same(again, first);
  },

  "a branch can wait for the outcomes of others, in every run": async (
    tools,
  ) => {
    const calls: string[] = [];
    const [first, again] = await twice(tools, (journal) =>
      journal.all<string>("graph", [
        (branch) =>
          branch.step("a", async () => {
            calls.push("a");
            return "A";
          }),
        async (branch, outcomes) => {
          const a = await outcomes[0];
          return branch.step("b", async () => {
            calls.push("b");
            return `${a?.ok && a.value}B`;
          });
        },
        async (branch, outcomes) => {
          const b = await outcomes[1];
          // Between its steps the run waits, so that what came before is recorded when it goes on.
          await branch.sleep("long", LONG_MS);
          return branch.step("c", async () => {
            calls.push("c");
            return `${b?.ok && b.value}C`;
          });
        },
      ]),
    );
    const expected = ["A", "AB", "ABC"].map((value) => ({ ok: true, value }));
    same([first, again], [expected, expected]);
    same(calls, ["a", "b", "c"]);
  },

  "no more branches than asked for run at the same time": async (tools) => {
    let running = 0;
    let most = 0;
    const work = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    };
    const [first] = await twice(tools, (journal) =>
      journal.all(
        "many",
        Array.from({ length: 7 }, () => (branch) => branch.step("work", work)),
        { concurrency: 2 },
      ),
    );
    assert.equal(first.length, 7);
    assert.ok(most <= 2, `${most} ran at the same time`);
  },

  "values of branches pass through JSON, too": async (tools) => {
    const [first, again] = await twice(tools, (journal) =>
      journal.all<unknown>("values", [
        async () => new Date(0),
        async () => undefined,
      ]),
    );
    same(first, [
      { ok: true, value: "1970-01-01T00:00:00.000Z" },
      { ok: true },
    ]);
    same(again, first);
  },

  "branches can have branches": async (tools) => {
    let calls = 0;
    const [first, again] = await twice(tools, (journal) =>
      journal.all("outer", [
        (branch) =>
          branch.all("inner", [
            (leaf) => leaf.step("leaf", async () => ++calls),
            (leaf) => leaf.step("leaf", async () => ++calls),
          ]),
      ]),
    );
    const inner = [
      { ok: true, value: 1 },
      { ok: true, value: 2 },
    ];
    same(
      [first, again],
      [[{ ok: true, value: inner }], [{ ok: true, value: inner }]],
    );
    assert.equal(calls, 2);
  },

  "no branches are no work, and what is none is refused": async (tools) => {
    same(await resultOf(tools, (journal) => journal.all("none", [])), []);
    await resultOf(tools, async (journal) => {
      await refuses(
        () => journal.all("odd", [1 as never]),
        "a branch that is no function",
      );
      await refuses(
        () => journal.all("none at a time", [], { concurrency: 0 }),
        "no concurrency",
      );
    });
  },

  "a branch that waits for an answer lets the others come to their end, and what it returns is not taken for a result":
    async ({ startRun }) => {
      const calls: string[] = [];
      const run = await startRun(async (journal) =>
        journal.all<unknown>("some wait", [
          async (branch) => {
            const answer = await branch.ask("approve", nobody).catch(() => "?");
            return branch.step("after", async () => {
              calls.push("after");
              return answer;
            });
          },
          (branch) => branch.step("other", async () => calls.push("other")),
        ]),
      );
      const [question] = await waitingFor(run);
      same(calls, ["other"]);
      await run.answer(String(question?.token), "yes");
      same(await run.run(), {
        value: [
          { ok: true, value: "yes" },
          { ok: true, value: 1 },
        ],
      });
      same(calls, ["other", "after"]);
    },
};

type JournalProgram = Parameters<JournalTools["startRun"]>[0];

/** Longer than a host waits in its process. */
const LONG_MS = 8_000;
