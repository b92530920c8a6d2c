import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { errorTypeOf, usageOf } from "@lambdallm/core/feature";
import { memoryJournal } from "@lambdallm/core/stores";
import { watchingOperations } from "../../../test-support/operations.ts";
import { Agent, tool } from "../src/index.ts";
import { calling, withModel } from "./support.ts";

const look = tool({
  name: "look",
  description: "Looks at a page.",
  input: { page: "integer" },
  run: ({ page }) => `This is page ${page}.`,
});
const broken = tool({
  name: "broken",
  description: "Never works.",
  input: { why: "string?" },
  run: () => {
    throw new Error("no");
  },
});
const reader = new Agent({ name: "reader", tools: [look] });

/** Runs an agent, and tells what observers see of it. */
async function observed(
  responses: Parameters<typeof withModel>[0],
  run: Parameters<typeof withModel>[1],
) {
  const watched = watchingOperations();
  await withModel(responses, run, { use: [watched.middleware] });
  return watched;
}

describe("Observers of an agent", () => {
  test("see the run, its model calls and its tools, each where it belongs", async () => {
    const agent = new Agent({ name: "reader", tools: [look] });
    const { begun, ended, operations } = await observed(
      [calling(["look", { page: 1 }]), "It says hello."],
      (context) => agent.run("Read.", context),
    );
    expect(begun).toEqual([
      "agent reader",
      "agent reader > step model 1",
      "agent reader > step model 1 > call",
      "agent reader > step model 1 > call > attempt",
      "agent reader > step look",
      "agent reader > step look > tool look",
      "agent reader > step model 2",
      "agent reader > step model 2 > call",
      "agent reader > step model 2 > call > attempt",
    ]);
    expect(ended.at(-1)).toBe("agent reader: completed");
    expect(operations.find(({ kind }) => kind === "tool")).toMatchObject({
      ...{ name: "look", description: "Looks at a page.", agent: "reader" },
      ...{ toolUseId: "look-0", input: { page: 1 } },
      run: { isResumable: false },
    });
  });

  test("see what the run has come to", async () => {
    const { outcomes } = await observed(
      [
        { ...calling(["look", { page: 1 }]), usage: usageOf(10, 2) },
        { text: "It says hello.", usage: usageOf(20, 3) },
      ],
      (context) => reader.run("Read.", context),
    );
    expect(outcomes.at(-1)).toEqual({
      status: "completed",
      result: {
        ...{ status: "completed", iterations: 2, toolCalls: 1 },
        usage: usageOf(30, 5),
        answer: "It says hello.",
      },
    });
  });

  test("are not told of one model when each answer may be another one's", async () => {
    const choosing = new Agent({ name: "choosing", prepareStep: () => ({}) });
    const { operations } = await observed(["Hello."], (context) =>
      choosing.run("Hello?", context),
    );
    expect(operations[0]).toMatchObject({ kind: "agent", model: undefined });
  });

  test("see a sub-agent below the tool that it is", async () => {
    const boss = new Agent({
      name: "boss",
      tools: [reader.asTool({ description: "Reads a page." })],
    });
    const { begun, ended } = await observed(
      [
        calling(["reader", { query: "Page 1?" }]),
        calling(["look", { page: 1 }]),
        "It says hello.",
        "Page 1 says hello.",
      ],
      (context) => boss.run("Read.", context),
    );
    expect(begun).toContain(
      "agent boss > tool reader > agent reader > step look > tool look",
    );
    expect(ended).toContain("agent boss > tool reader: completed");
  });

  test("see a tool that takes too long time out, and one that is given up wait", async () => {
    const forever = () => new Promise<never>(() => {});
    const slow = tool({
      ...{
        name: "slow",
        description: "Never ends.",
        input: { why: "string?" },
      },
      ...{ timeoutMs: 1, run: forever },
    });
    const giveUp = new AbortController();
    const left = tool({
      ...{
        name: "left",
        description: "Nobody waits for it.",
        input: { why: "string?" },
      },
      run: () => {
        giveUp.abort();
        return forever();
      },
    });
    const agent = new Agent({ name: "waiting", tools: [slow, left] });
    const { operations, ended, outcomes } = await observed(
      [calling(["slow", {}]), calling(["left", {}])],
      async (context) => {
        const run = agent.run("Go.", context, { signal: giveUp.signal });
        await expect(run).rejects.toThrow("aborted");
      },
    );
    expect(operations.filter(({ kind }) => kind === "tool")).toHaveLength(2);
    expect(ended).toContain("agent waiting > step left > tool left: suspended");
    const [first] = outcomes.flatMap((outcome) =>
      outcome.status === "failed" ? [errorTypeOf(outcome.error)] : [],
    );
    expect(first).toBe("timeout");
  });

  test("see which tools have failed, with the error when there is one", async () => {
    const boss = new Agent({
      name: "boss",
      tools: [
        broken,
        new Agent({ name: "silent" }).asTool({ description: "Says nothing." }),
      ],
    });
    const { ended, operations, outcomes } = await observed(
      [
        calling(["broken", {}], ["silent", { query: "?" }]),
        ...["", "", "All of them failed."],
      ],
      (context) => boss.run("Read.", context),
    );
    expect(operations.filter(({ kind }) => kind === "tool")).toHaveLength(2);
    expect(ended).toEqual(
      expect.arrayContaining([
        "agent boss > step broken > tool broken: failed",
        "agent boss > tool silent: failed",
      ]),
    );
    expect(outcomes).toContainEqual({
      status: "failed",
      error: new Error("no"),
    });
    expect(outcomes).toContainEqual(
      expect.objectContaining({
        ...{ status: "failed", error: undefined },
        result: expect.objectContaining({ status: "error" }),
      }),
    );
  });

  test("see no tools where calls are refused, and nothing of what is recorded", async () => {
    const journal = memoryJournal();
    const responses = [calling(["look", { page: "x" }], ["nobody", {}]), "No."];
    const first = await observed(responses, (context) =>
      reader.run("Read.", context, { journal }),
    );
    expect(first.begun.join()).not.toContain("tool");
    const again = await observed(["Nobody asks."], (context) =>
      reader.run("Read.", context, { journal: journal.resume() }),
    );
    expect(again.begun).toEqual(["agent reader"]);
  });

  test("are told which conversation the run is a turn of", async () => {
    const session = {
      id: "s-1",
      getHistory: async () => [],
      addMessage: () => {},
      save: async () => {},
    };
    const { operations } = await observed(["Hello."], (context) =>
      reader.run("Hello?", context, { session }),
    );
    expect(operations[0]).toMatchObject({ conversationId: "s-1" });
    expect(operations.find(({ kind }) => kind === "call")).toMatchObject({
      request: { conversation: { id: "s-1" } },
    });
  });

  test("see a run that fails, and one that waits", async () => {
    const careful = new Agent({
      name: "careful",
      tools: [{ ...look, needsApproval: true }],
    });
    const waiting = await observed(
      [calling(["look", { page: 1 }])],
      (context) => careful.run("Read.", context),
    );
    expect(waiting.ended.at(-1)).toBe("agent careful: suspended");
    const failed = await observed(
      [new ConfigurationError("No model.")],
      (context) => reader.run("Read.", context).catch(() => "failed"),
    );
    expect(failed.ended.at(-1)).toBe("agent reader: failed");
  });
});
