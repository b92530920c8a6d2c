import { describe, expect, test } from "@jest/globals";
import {
  type ContentBlock,
  type Journal,
  type Message,
  Suspended,
} from "@lambdallm/core";
import { memoryJournal, memoryStores } from "@lambdallm/core/stores";
import { Session } from "@lambdallm/session";
import { Agent, tool } from "../src/index.ts";
import { calling, withModel } from "./support.ts";

const look = tool({
  name: "look",
  description: "Looks at a page.",
  input: { page: "integer" },
  run: ({ page }) => `This is page ${page}.`,
});
const agent = new Agent({ name: "reader", tools: [look] });

describe("A run in a conversation", () => {
  test("reads the history, and stores question, exchanges and answer as one turn", async () => {
    const store = memoryStores();
    const open = () => new Session({ store, id: "s1" });
    await withModel(
      [calling(["look", { page: 1 }]), "Page 1 is there."],
      (context) =>
        agent.run("Is there a page 1?", context, { session: open() }),
    );
    const { turns = [] } =
      (await store.sessions.load({ sessionId: "s1", tenantId: "default" })) ??
      {};
    expect(turns).toHaveLength(1);
    expect(turns[0]?.messages.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "user",
      "assistant",
    ]);
    const { model } = await withModel(["Yes."], (context) =>
      agent.run("Really?", context, { session: open() }),
    );
    const texts = model.calls[0]?.request.messages.flatMap(({ content }) =>
      content.flatMap((block) => ("text" in block ? block.text : [])),
    );
    expect(texts).toEqual([
      "Is there a page 1?",
      "Page 1 is there.",
      "Really?",
    ]);
  });

  test("stores once, and sends the history that it began with, also when it is run again", async () => {
    const saved: Message[][] = [];
    const added: Message[] = [];
    let history: Message[] = [
      { role: "user", content: [{ text: "Hi" }] },
      { role: "assistant", content: [{ text: "Hello" }] },
    ];
    const session = {
      getHistory: async () => history,
      addMessage: (
        role: "user" | "assistant",
        content: readonly ContentBlock[],
      ) => {
        added.push({ role, content });
      },
      save: async () => {
        saved.push(added.splice(0));
      },
    };
    const journal = memoryJournal();
    const run = (journal: ReturnType<typeof memoryJournal>) =>
      withModel(["Fine."], (context) =>
        agent.run("How are you?", context, { session, journal }),
      );
    const first = await run(journal);
    history = [];
    const again = await run(journal.resume());
    expect(again.result).toEqual(first.result);
    expect(again.model.totalCalls).toBe(0);
    expect(saved).toEqual([
      [
        { role: "user", content: [{ text: "How are you?" }] },
        { role: "assistant", content: [{ text: "Fine." }] },
      ],
    ]);
    expect(first.model.calls[0]?.request.messages).toHaveLength(3);
  });

  test("stores once when the process was killed before it could record that it has", async () => {
    const store = memoryStores();
    const first = memoryJournal();
    /** Does the work of the step, and dies before it is recorded. */
    const dying: Journal = {
      runId: first.runId,
      all: (...given) => first.all(...given),
      sleep: (...given) => first.sleep(...given),
      ask: (...given) => first.ask(...given),
      step: (name, fn, options) =>
        first.step(
          name,
          async (info) => {
            const value = await fn(info);
            if (name === "store")
              throw new Suspended(first.runId, { resumeAt: 0 });
            return value;
          },
          options,
        ),
    };
    const run = (journal: Journal) =>
      withModel(["Fine."], (context) =>
        agent.run("How are you?", context, {
          session: new Session({ store, id: "s3" }),
          journal,
        }),
      );
    await expect(run(dying)).rejects.toThrow(Suspended);
    const { result } = await run(first.resume());
    expect(result.answer).toBe("Fine.");
    const { turns } = await store.sessions.load({
      sessionId: "s3",
      tenantId: "default",
    });
    expect(turns).toHaveLength(1);
  });

  test("stores nothing without an answer", async () => {
    const store = memoryStores();
    const session = new Session({ store, id: "s2" });
    await withModel([{ content: [] }], (context) =>
      agent.run("Hello?", context, { session }),
    );
    const stored = await store.sessions.load({
      sessionId: "s2",
      tenantId: "default",
    });
    expect(stored?.turns ?? []).toEqual([]);
  });
});
