import { beforeEach, describe, expect, test } from "@jest/globals";
import { Agent, tool } from "../src/index.ts";
import { calling, resultsIn, withModel } from "./support.ts";

const inputs: unknown[] = [];
const note = tool({
  name: "note",
  description: "Takes a note.",
  input: { text: "string", tags: "array?" },
  run: (input) => {
    inputs.push(input);
    return "Noted.";
  },
});
const agent = new Agent({ name: "clerk", tools: [note] });

beforeEach(() => {
  inputs.length = 0;
});

const text = (words: string) => [{ text: words }];

describe("Whatever a model answers", () => {
  test("a tool that does not exist is answered with those that do", async () => {
    const { result, model } = await withModel(
      [calling(["fly", {}]), "I cannot."],
      (context) => agent.run("Fly.", context),
    );
    expect(result).toMatchObject({ answer: "I cannot.", status: "completed" });
    expect(resultsIn(model, 2)).toEqual([
      {
        toolUseId: "fly-0",
        status: "error",
        content: text("There is no tool of this name. The tools are: note."),
      },
    ]);
  });

  test("an agent without tools says that there are none", async () => {
    const bare = new Agent({ name: "bare" });
    const { model } = await withModel(
      [calling(["fly", {}]), "I cannot."],
      (context) => bare.run("Fly.", context),
    );
    expect(model.calls[0]?.request).not.toHaveProperty("tools");
    expect(resultsIn(model, 2)[0]?.content).toEqual(
      text("There is no tool of this name. The tools are: none."),
    );
  });

  test("wrong arguments go back with what is wrong, and the tool does not run", async () => {
    const { model } = await withModel(
      [calling(["note", { text: 1, more: 2 }]), "Sorry."],
      (context) => agent.run("Note.", context),
    );
    expect(resultsIn(model, 2)[0]).toMatchObject({
      status: "error",
      content: text(
        'The input is not valid:\n- the value must NOT have additional properties: "more"\n- /text must be string\nCall the tool again with a corrected one.',
      ),
    });
    expect(inputs).toEqual([]);
  });

  test("arguments that were cut are sent back empty, and called cut", async () => {
    const { model } = await withModel(
      [
        {
          content: [
            ...calling(["note", { text: "whole" }]).content,
            {
              toolUse: {
                toolUseId: "cut",
                name: "note",
                input: '{"text": "half of',
              },
            },
          ],
          stopReason: "max_tokens",
        },
        "Sorry.",
      ],
      (context) => agent.run("Note.", context),
    );
    expect(inputs).toEqual([{ text: "whole" }]);
    const { messages = [] } = model.calls[1]?.request ?? {};
    expect(messages[1]).toMatchObject({
      content: [{}, { toolUse: { toolUseId: "cut", input: {} } }],
    });
    expect(resultsIn(model, 2)[1]).toEqual({
      toolUseId: "cut",
      status: "error",
      content: text(
        "The call was not made: the answer was cut before its arguments were complete. Make them shorter.",
      ),
    });
  });

  test("so are the last ones of a cut answer that happen to be JSON", async () => {
    await withModel(
      [
        { ...calling(["note", { text: "ha" }]), stopReason: "max_tokens" },
        "Sorry.",
      ],
      (context) => agent.run("Note.", context),
    );
    expect(inputs).toEqual([]);
  });

  test("and an earlier call of it whose arguments are text", async () => {
    const { model } = await withModel(
      [
        {
          content: [
            { toolUse: { toolUseId: "a", name: "note", input: "{" } },
            { text: "And then" },
          ],
          stopReason: "max_tokens",
        },
        "Sorry.",
      ],
      (context) => agent.run("Note.", context),
    );
    expect(JSON.stringify(resultsIn(model, 2))).toContain("was cut");
  });

  test.each([
    ["a text", "oops"],
    ["a list", ["oops"]],
    ["null", null],
    ["a number", 5],
  ])("arguments that are %s are none", async (_what, input) => {
    const { model } = await withModel(
      [calling(["note", input]), "Sorry."],
      (context) => agent.run("Note.", context),
    );
    expect(model.calls[1]?.request.messages[1]).toMatchObject({
      content: [{ toolUse: { input: {} } }],
    });
    expect(resultsIn(model, 2)[0]).toMatchObject({
      status: "error",
      content: text(
        "The call was not made: its arguments are no JSON object. Call the tool again.",
      ),
    });
  });

  test("arguments that are nested too deeply are not sent back", async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(3_000)}1${"}".repeat(3_000)}`);
    const { result } = await withModel(
      [calling(["note", deep]), "Sorry."],
      (context) => agent.run("Note.", context),
    );
    expect(result.steps[0]?.toolCalls[0]).toMatchObject({
      input: {},
      status: "error",
      content: text(
        "The call was not made: its arguments are nested too deeply. Call the tool again.",
      ),
    });
  });

  test("a prototype in the arguments is taken out", async () => {
    const input = JSON.parse('{"text": "a", "__proto__": {"text": "b"}}');
    await withModel([calling(["note", input]), "Done."], (context) =>
      agent.run("Note.", context),
    );
    expect(inputs).toEqual([{ text: "a" }]);
  });

  test("a tool call beside end_turn is made", async () => {
    const { result } = await withModel(
      [
        { ...calling(["note", { text: "a" }]), stopReason: "end_turn" },
        "Noted.",
      ],
      (context) => agent.run("Note.", context),
    );
    expect(inputs).toEqual([{ text: "a" }]);
    expect(result.answer).toBe("Noted.");
  });

  test("tool_use without a call is an answer when it says something", async () => {
    const { result, model } = await withModel(
      [{ text: "It is noted.", stopReason: "tool_use" }],
      (context) => agent.run("Note.", context),
    );
    expect(result).toMatchObject({
      answer: "It is noted.",
      status: "completed",
    });
    expect(model.totalCalls).toBe(1);
  });

  test.each([
    ["nothing beside tool_use", { content: [], stopReason: "tool_use" }],
    ["nothing at all", { content: [] }],
    ["blank text", { text: " \n" }],
    [
      "a thought alone",
      {
        content: [
          {
            reasoningContent: {
              reasoningText: { text: "Hm.", signature: "s" },
            },
          },
        ],
      },
    ],
    ["a broken call", { text: "note(", stopReason: "malformed_tool_use" }],
  ])("%s is asked for again, once", async (_what, silent) => {
    const { result, model } = await withModel([silent, "Hello."], (context) =>
      agent.run("Hello?", context),
    );
    expect(result).toMatchObject({
      answer: "Hello.",
      status: "completed",
      iterations: 2,
    });
    expect(model.lastPrompt).toBe("You have not answered. Please do.");
    const again = await withModel([silent], (context) =>
      agent.run("Hello?", context),
    );
    expect(again.result).toMatchObject({
      answer: "",
      status: "stopped",
      reason: "The model has answered nothing, twice.",
    });
    expect(again.model.totalCalls).toBe(2);
  });

  test("an answer that was cut is one, with the reason said", async () => {
    const { result } = await withModel(
      [{ text: "A long", stopReason: "max_tokens" }],
      (context) => agent.run("Tell.", context),
    );
    expect(result).toMatchObject({
      answer: "A long",
      status: "completed",
      reason: "The answer was cut at maxTokens.",
    });
  });

  test("calls with equal ids get ids of their own, and each its result", async () => {
    const twice = [1, 2, 3].map((number) => ({
      toolUse: {
        toolUseId: number === 3 ? "id-2" : "id",
        name: "note",
        input: { text: `${number}` },
      },
    }));
    const { model } = await withModel(
      [{ content: twice }, "Done."],
      (context) => agent.run("Note.", context),
    );
    expect(inputs).toEqual([{ text: "1" }, { text: "2" }, { text: "3" }]);
    expect(resultsIn(model, 2).map(({ toolUseId }) => toolUseId)).toEqual([
      "id",
      "id-2",
      "id-2-2",
    ]);
  });

  test("a call of the service's own tool is the service's", async () => {
    const { result, model } = await withModel(
      [
        {
          content: [
            {
              toolUse: {
                toolUseId: "s",
                name: "web",
                input: {},
                type: "server_tool_use",
              },
            },
            { text: "Found it." },
          ],
          stopReason: "end_turn",
        },
      ],
      (context) => agent.run("Search.", context),
    );
    expect(result).toMatchObject({ answer: "Found it.", toolCalls: 0 });
    expect(model.totalCalls).toBe(1);
  });

  test("what a guardrail replaces fails", async () => {
    const run = withModel(
      [{ text: "No.", stopReason: "guardrail_intervened" }],
      (context) => agent.run("Bad.", context),
    );
    await expect(run).rejects.toMatchObject({
      name: "StepFailure",
      code: "GUARDRAIL_INTERVENED",
    });
  });

  test("the answer that the deadline cuts off is what there is", async () => {
    const { result } = await withModel(
      [{ pieces: Array(50).fill("Once "), pieceDelayMs: 100 }],
      (context) => agent.stream("Tell.", context).result,
      { timeoutMs: 2_500 },
    );
    expect(result).toMatchObject({
      status: "timeout",
      reason: "The time was over before the answer was.",
    });
    expect(result.answer).toMatch(/^Once /);
  });
});
