import { describe, expect, test } from "@jest/globals";
import { Model } from "@lambdallm/core";
import { Agent, tool } from "../src/index.ts";
import { calling, resultsIn, withModel } from "./support.ts";

const long = tool({
  name: "long",
  description: "Has much to say.",
  input: { letter: "string" },
  run: ({ letter }) => letter.repeat(1_000),
});
const letters = (...list: string[]) =>
  calling(...list.map((letter) => ["long", { letter }] as const));

describe("What an agent sends", () => {
  test("has the beginning of a long result, and the tool that reads on in it", async () => {
    const agent = new Agent({ name: "a", tools: [long], maxResultTokens: 100 });
    const { result, model } = await withModel(
      [
        letters("x"),
        calling(["read_result", { id: "1.1", offset: 400 }]),
        calling(["read_result", { id: "9", offset: 0 }]),
        "Done.",
      ],
      (context) => agent.run("Go.", context),
    );
    expect(resultsIn(model, 2)[0]?.content).toEqual([
      { text: "x".repeat(400) },
      {
        text: '(Characters 0 to 400 of 1000. Read on with read_result({"id":"1.1","offset":400}).)',
      },
    ]);
    const names = model.calls.map(({ request }) =>
      JSON.stringify(request.tools).includes("read_result"),
    );
    expect(names).toEqual([false, true, true, true]);
    expect(resultsIn(model, 3)[0]?.content).toEqual([
      { text: "x".repeat(400) },
      {
        text: '(Characters 400 to 800 of 1000. Read on with read_result({"id":"1.1","offset":800}).)',
      },
    ]);
    expect(resultsIn(model, 4)[0]).toMatchObject({ status: "error" });
    expect(result).toMatchObject({ answer: "Done.", toolCalls: 3 });
  });

  test("has no older results than keepToolResults, but those of the last answer", async () => {
    const agent = new Agent({ name: "a", tools: [long], keepToolResults: 1 });
    const { model } = await withModel(
      [letters("x"), letters("y", "z"), "Done."],
      (context) => agent.run("Go.", context),
    );
    const sent = model.calls[2]?.request.messages.flatMap(({ content }) =>
      content.flatMap((block) =>
        "toolResult" in block
          ? JSON.stringify(block.toolResult.content).slice(0, 20)
          : [],
      ),
    );
    expect(sent).toEqual([
      '[{"text":"(This resu',
      '[{"text":"yyyyyyyyyy',
      '[{"text":"zzzzzzzzzz',
    ]);
  });

  test.each([
    [undefined, '{"type":"default"}'],
    [true, '{"type":"default"}'],
    [{ ttl: "1h" as const }, '{"type":"default","ttl":"1h"}'],
    [false, undefined],
  ])("has cache points, with cache %j", async (cache, point) => {
    const agent = new Agent({
      name: "a",
      systemPrompt: "You help.",
      tools: [long],
      cache,
    });
    const { model } = await withModel(["Hi."], (context) =>
      agent.run("Go.", context),
    );
    const { tools = [], system = [] } = model.calls[0]?.request ?? {};
    const points = [tools.at(-1), system.at(-1)].map((last) =>
      JSON.stringify(Object(last).cachePoint),
    );
    expect(points).toEqual([point, point]);
  });

  test("is words alone for a model without tools, and so is what it answers", async () => {
    const agent = new Agent({
      name: "a",
      model: Model.TITAN_TEXT_EXPRESS,
      tools: [long],
    });
    const { result, model } = await withModel(
      [
        'Thought: I want an x.\nAction: long\nAction Input: {"letter": "x"}',
        "Final Answer: There are many.",
      ],
      (context) => agent.run("Go.", context),
    );
    expect(result).toMatchObject({
      answer: "There are many.",
      status: "completed",
      toolCalls: 1,
    });
    expect(model.calls[1]?.request).not.toHaveProperty("tools");
    expect(JSON.stringify(model.calls[1]?.request.messages)).toContain(
      "Observation: xxx",
    );
  });

  test("has the agent's own settings, and else those of the provider", async () => {
    const agent = new Agent({
      name: "a",
      systemPrompt: "You help.",
      temperature: 0,
      maxTokens: 77,
      topP: 0.5,
      stopSequences: ["END"],
      tags: { team: "blue" },
    });
    const { model } = await withModel(["Hi."], (context) =>
      agent.run([{ text: "Go." }, { text: "Now." }], context),
    );
    expect(model.calls[0]?.request).toMatchObject({
      model: Model.CLAUDE_HAIKU_4_5,
      system: [{ text: "You help." }, {}],
      temperature: 0,
      maxTokens: 77,
      topP: 0.5,
      stopSequences: ["END"],
      tags: { team: "blue" },
      messages: [
        { role: "user", content: [{ text: "Go." }, { text: "Now." }, {}] },
      ],
    });
  });
});
