import assert from "node:assert/strict";
import {
  failureOf,
  type JournalTools,
  nobody,
  twice,
  waitingFor,
} from "./journal-support.ts";
import { same } from "./same.ts";
import type { Cases } from "./suite.ts";

export const journalQuestionCases: Cases<JournalTools> = {
  "a question is passed on once, with the token that its answer comes under":
    async ({ startRun }) => {
      const submitted: string[] = [];
      const run = await startRun(async (journal) => {
        const before = await journal.step("before", async () => 1);
        const answer = await journal.ask<string>("name", async (token) => {
          submitted.push(token);
        });
        return { before, answer };
      });
      const [question, ...others] = await waitingFor(run);
      assert.equal(others.length, 0);
      assert.equal(question?.name, "name");
      same(submitted, [question?.token]);
      await run.answer(String(question?.token), "Ada");
      same(await run.run(), { value: { before: 1, answer: "Ada" } });
      assert.equal(submitted.length, 1);
    },

  "several questions at once get the answers that were given to them": async ({
    startRun,
  }) => {
    const run = await startRun((journal) =>
      journal.all(
        "questions",
        ["a", "b", "c"].map((name) => async (branch) => {
          const answer = await branch.ask<string>(name, nobody);
          return `${name}: ${answer}`;
        }),
      ),
    );
    const questions = await waitingFor(run);
    same(questions.map(({ name }) => name).toSorted(), ["a", "b", "c"]);
    // In another order than they were asked in.
    for (const { name, token } of [...questions].reverse())
      await run.answer(token, name.toUpperCase());
    const values = ["a: A", "b: B", "c: C"];
    same(await run.run(), {
      value: values.map((value) => ({ ok: true, value })),
    });
  },

  "an answer that is false, 0 or empty is one": async ({ startRun }) => {
    for (const answer of [false, 0, ""]) {
      const run = await startRun((journal) => journal.ask("falsy", nobody));
      const [question] = await waitingFor(run);
      await run.answer(String(question?.token), answer);
      same(await run.run(), { value: answer });
    }
  },

  "a question that cannot be passed on fails": async (tools) => {
    let calls = 0;
    const [first, again] = await twice(tools, (journal) =>
      failureOf(
        journal.ask("broken", async () => {
          calls += 1;
          throw new Error("No connection.");
        }),
      ),
    );
    assert.equal(first["step"], "broken");
    assert.equal(first["message"], "No connection.");
    same(again, first);
    assert.equal(calls, 1);
  },

  "a question that nobody answers in time fails": async (tools) => {
    const [first, again] = await twice(tools, (journal) =>
      failureOf(journal.ask("late", nobody, { timeoutMs: 1_000 })),
    );
    assert.equal(first["code"], "ASK_TIMEOUT");
    assert.equal(first["step"], "late");
    same(again, first);
  },
};
