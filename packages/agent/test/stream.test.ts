import { describe, expect, test } from "@jest/globals";
import { Model, toResponseBody } from "@lambdallm/core";
import { memoryJournal } from "@lambdallm/core/stores";
import { Agent, type AgentEvent, tool } from "../src/index.ts";
import { calling, withModel } from "./support.ts";

const look = tool({
  name: "look",
  description: "Looks at a page.",
  input: { page: "integer" },
  run: ({ page }) => `This is page ${page}.`,
});
const agent = new Agent({ name: "reader", tools: [look] });
const script = [
  {
    content: [{ text: "I look. " }, ...calling(["look", { page: 1 }]).content],
  },
  "It is there.",
];

async function all<T>(pieces: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const piece of pieces) list.push(piece);
  return list;
}

describe("agent.stream", () => {
  test("tells of answers, texts, calls and results while they happen", async () => {
    const { result } = await withModel(script, async (context) => {
      const stream = agent.stream("Look.", context);
      return { events: await all(stream), result: await stream.result };
    });
    const mine = (event: object) => ({ agent: "reader", ...event });
    expect(result.events).toEqual(
      [
        { type: "iteration", iteration: 1 },
        { type: "text", text: "I " },
        { type: "text", text: "look. " },
        {
          type: "tool-call",
          toolUseId: "look-0",
          name: "look",
          input: { page: 1 },
        },
        {
          type: "tool-result",
          toolUseId: "look-0",
          name: "look",
          status: "success",
          content: [{ text: "This is page 1." }],
        },
        { type: "iteration", iteration: 2 },
        { type: "text", text: "It " },
        { type: "text", text: "is " },
        { type: "text", text: "there." },
      ].map(mine),
    );
    expect(result.result).toMatchObject({
      answer: "It is there.",
      status: "completed",
    });
  });

  test("its text is a body, with the answers apart", async () => {
    const { result } = await withModel(script, async (context) => {
      const { text } = agent.stream("Look.", context);
      return (await all(toResponseBody(text, { format: "text" }))).join("");
    });
    expect(result).toBe("I look. \n\nIt is there.");
  });

  test("its events are one as well", async () => {
    const { result } = await withModel(["Yes."], async (context) =>
      all(toResponseBody(agent.stream("Hm?", context), { format: "ndjson" })),
    );
    expect(result.map((line) => JSON.parse(line))).toEqual([
      { object: { agent: "reader", type: "iteration", iteration: 1 } },
      { object: { agent: "reader", type: "text", text: "Yes." } },
      { done: {} },
    ]);
  });

  test("the text of agents that are its tools is not in its own", async () => {
    const boss = new Agent({
      name: "boss",
      tools: [agent.asTool({ description: "Looks." })],
    });
    const { result } = await withModel(
      [calling(["reader", { query: "Look." }]), ...script, "Done."],
      async (context) => {
        const { text } = boss.stream("Go.", context);
        return (await all(text)).join("");
      },
    );
    expect(result).toBe("Done.");
  });

  test("brings what was said before when a run is resumed", async () => {
    const journal = memoryJournal();
    const first = await withModel(script, (context) =>
      agent.run("Look.", context, { journal }),
    );
    const { result, model } = await withModel(script, async (context) => {
      const options = { journal: journal.resume() };
      const stream = agent.stream("Look.", context, options);
      return { events: await all(stream), result: await stream.result };
    });
    expect(model.totalCalls).toBe(0);
    expect(result.result).toEqual(first.result);
    expect(
      result.events.flatMap((event: AgentEvent) =>
        event.type === "text" ? event.text : [],
      ),
    ).toEqual(["I look. ", "It is there."]);
  });

  test("a model without tools in streams answers at once", async () => {
    const { result, model } = await withModel(["Yes."], async (context) => {
      const still = new Agent({
        name: "still",
        tools: [look],
        model: Model.LLAMA3_3_70B,
      });
      return all(still.stream("Hm?", context).text);
    });
    expect(result).toEqual(["Yes."]);
    expect(model.calls[0]?.request.onDelta).toBeUndefined();
  });

  test("leaving it ends the run", async () => {
    const { result } = await withModel(
      [{ pieces: ["One", "two"], pieceDelayMs: 20 }, "Never."],
      async (context) => {
        const stream = agent.stream("Go.", context);
        for await (const event of stream) if (event.type === "text") break;
        return stream.result.then(
          () => "ended",
          (error: unknown) => String(error),
        );
      },
    );
    expect(result).toBe("AbortError: The reader left the stream.");
  });

  test("and so does the caller's signal, also of its text", async () => {
    const { result } = await withModel(
      [{ pieces: ["One", "two"], pieceDelayMs: 20 }],
      async (context) => {
        const { text } = agent.stream("Go.", context, {
          signal: AbortSignal.timeout(60_000),
        });
        for await (const piece of text) return piece;
        return "";
      },
    );
    expect(result).toBe("One");
  });

  test("a wrong option rejects", async () => {
    const { result } = await withModel(["Hi."], async (context) => {
      const stream = agent.stream("Go.", context, { nope: 1 } as object);
      return stream.result.catch((error: Error) => error.message);
    });
    expect(result).toContain('there is no option "nope"');
  });
});
