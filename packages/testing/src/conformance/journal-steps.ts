import assert from "node:assert/strict";
import type { Journal } from "@lambdallm/core";
import { gate, type JournalTools, resultOf, twice } from "./journal-support.ts";
import { refuses, same } from "./same.ts";
import { AS_JSON, JSON_SAMPLES, WITH_TO_JSON } from "./samples.ts";
import type { Cases } from "./suite.ts";

export const journalStepCases: Cases<JournalTools> = {
  "a step runs once, however often its program runs": async (tools) => {
    const calls: string[] = [];
    const [first, again] = await twice(tools, async (journal) => {
      const one = await journal.step("one", async () => calls.push("one"));
      const two = await journal.step("two", async () => calls.push("two"));
      return [one, two];
    });
    same(calls, ["one", "two"]);
    same(
      [first, again],
      [
        [1, 2],
        [1, 2],
      ],
    );
  },

  "steps of the same name are told apart by their order": async (tools) => {
    let calls = 0;
    const [first, again] = await twice(tools, async (journal) => {
      const one = await journal.step("same", async () => ++calls);
      return [one, await journal.step("same", async () => ++calls)];
    });
    same([first, again, calls], [[1, 2], [1, 2], 2]);
  },

  "a value is what its JSON gives, in the first run and in all later ones":
    async (tools) => {
      const samples = { ...JSON_SAMPLES, dates: WITH_TO_JSON, bytes: BYTES };
      for (const [name, sample] of Object.entries(samples)) {
        const [first, again] = await twice(tools, (journal) =>
          journal.step(name, async () => sample),
        );
        const expected = name === "dates" ? AS_JSON : sample;
        same(first, expected, `${name} in the first run`);
        same(again, expected, `${name} in a later run`);
      }
    },

  "undefined stays undefined, and is left out of objects": async (tools) => {
    const [first, again] = await twice(tools, async (journal) => {
      const nothing = await journal.step("nothing", async () => undefined);
      const fields = await journal.step("fields", async () => ({
        gone: undefined,
        kept: null,
      }));
      return { isUndefined: nothing === undefined, names: Object.keys(fields) };
    });
    const expected = { isUndefined: true, names: ["kept"] };
    same([first, again], [expected, expected]);
  },

  "what a program does to a value does not change the record": async (
    tools,
  ) => {
    const [first, again] = await twice(tools, async (journal) => {
      const list = await journal.step("list", async () => ["recorded"]);
      list.push("changed");
      return list.length;
    });
    same([first, again], [2, 2]);
  },

  "steps that are started together run together": async (tools) => {
    const meet = gate(2);
    const [first, again] = await twice(tools, (journal) =>
      Promise.all([
        journal.step("left", async () => {
          await meet();
          return "left";
        }),
        journal.step("right", async () => {
          await meet();
          return "right";
        }),
      ]),
    );
    same(
      [first, again],
      [
        ["left", "right"],
        ["left", "right"],
      ],
    );
  },

  "a step is told its key, which no other step has, its attempt and a signal":
    async (tools) => {
      const seen: unknown[] = [];
      const keys = new Set<string>();
      await resultOf(tools, async (journal) => {
        for (const name of ["same", "same", "other"])
          await journal.step(
            name,
            async ({ key, attempt, signal, costUsd }) => {
              keys.add(key);
              seen.push([attempt, signal.aborted, costUsd]);
            },
          );
      });
      assert.equal(keys.size, 3);
      same(seen, [
        [1, false, 0],
        [1, false, 0],
        [1, false, 0],
      ]);
    },

  "a run has one id, in all of its runs and branches": async (tools) => {
    const ids = new Set<string>();
    await twice(tools, async (journal) => {
      ids.add(journal.runId);
      await journal.all("branches", [
        async (branch) => void ids.add(branch.runId),
      ]);
    });
    assert.equal(ids.size, 1);
    assert.ok([...ids].every((id) => id !== ""));
  },

  "a wait passes, and is not repeated": async (tools) => {
    let calls = 0;
    await twice(tools, async (journal) => {
      await journal.sleep("moment", 1);
      await journal.step("after", async () => ++calls);
    });
    assert.equal(calls, 1);
  },

  "names and times that are none are refused": async (tools) => {
    await resultOf(tools, async (journal) => {
      await refuses(() => journal.step("", nothing), "an empty name");
      await refuses(
        () => journal.step("x".repeat(201), nothing),
        "a long name",
      );
      await refuses(() => journal.step(undefined as never, nothing), "no name");
      for (const ms of [-1, NaN, Infinity])
        await refuses(() => journal.sleep("wait", ms), `${ms} ms`);
      await refuses(
        () => journal.ask("late", async () => {}, { timeoutMs: -1 }),
        "an answer before the question",
      );
    });
  },

  "work that is no function, and options that do not exist or are wrong, are refused":
    async (tools) => {
      await resultOf(tools, async (journal) => {
        const { step, ask } = untyped(journal);
        await refuses(() => step("none"), "a step without work");
        await refuses(() => ask("none"), "a question that nobody passes on");
        await refuses(
          () => step("typo", nothing, { retries: 2 }),
          "an option that a step does not have",
        );
        await refuses(
          () => step("wrong", nothing, { maxBytes: "1" }),
          "a wrong option of a step",
        );
        await refuses(
          () => ask("typo", nothing, { timeout: 1 }),
          "an option that a question does not have",
        );
      });
    },
};

const BYTES = { in: [new Uint8Array([0, 255, 128])], empty: new Uint8Array() };

/** As a program without types calls it. */
const untyped = (journal: Journal) => ({
  step: (...given: unknown[]) => Reflect.apply(journal.step, journal, given),
  ask: (...given: unknown[]) => Reflect.apply(journal.ask, journal, given),
});

const nothing = async (): Promise<void> => {};
