import { beforeEach, describe, expect, test } from "@jest/globals";
import { type MemoryJournal, memoryJournal } from "@lambdallm/core/stores";
import { Agent, type ApprovalRequest, tool } from "../src/index.ts";
import { calling, resultsIn, withModel } from "./support.ts";

const deleted: string[] = [];
let asked: string[] = [];
const remove = tool({
  name: "remove",
  description: "Deletes a file.",
  input: { file: "string" },
  needsApproval: ({ file }) => {
    asked.push(file);
    return !file.startsWith("tmp/");
  },
  run: ({ file }) => {
    deleted.push(file);
    return `${file} is gone.`;
  },
});

beforeEach(() => {
  deleted.length = 0;
  asked = [];
});

const files = (...names: string[]) =>
  calling(...names.map((file) => ["remove", { file }] as const));

/** Runs until it waits, then again with the answers by file. */
async function answered(
  agent: Agent,
  script: Parameters<typeof withModel>[0],
  answers: Readonly<Record<string, unknown>>,
) {
  const requests: ApprovalRequest[] = [];
  const onApproval = (request: ApprovalRequest) => {
    requests.push(request);
  };
  const journal = memoryJournal();
  const first = await withModel(script, (context) =>
    agent.run("Clean up.", context, { journal, onApproval }),
  );
  const byToken = new Map(
    requests.map(({ token, input }) => [
      token,
      answers[String(Reflect.get(Object(input), "file"))],
    ]),
  );
  const resumed: MemoryJournal = journal.resume({
    answers: ({ token }) => byToken.get(token),
  });
  const rest = script.slice(first.model.totalCalls);
  const second = await withModel(rest, (context) =>
    agent.run("Clean up.", context, { journal: resumed, onApproval }),
  );
  return { requests, first, second };
}

describe("A tool that needs approval", () => {
  const agent = new Agent({ name: "cleaner", tools: [remove] });
  const script = [files("a", "b", "c", "tmp/d"), "Done."];

  test("waits, with one token a call, and what needs none runs meanwhile", async () => {
    const { requests, first } = await answered(agent, script, {});
    expect(first.result).toMatchObject({
      answer: "",
      status: "suspended",
      reason:
        "The run waits for an answer: approve remove, approve remove, approve remove.",
      iterations: 1,
    });
    expect(deleted).toEqual(["tmp/d"]);
    expect(requests).toEqual(
      ["a", "b", "c"].map((file, index) => ({
        token: expect.any(String),
        tool: "remove",
        input: { file },
        toolUseId: `remove-${index}`,
        runId: first.result.runId,
        agent: "cleaner",
      })),
    );
    expect(new Set(requests.map(({ token }) => token)).size).toBe(3);
  });

  test("goes on with each answer where it belongs, and nobody is asked twice", async () => {
    const { requests, second } = await answered(agent, script, {
      a: { decision: "reject", reason: "It is needed." },
      b: { decision: "approve" },
      c: { decision: "edit", input: { file: "e" } },
    });
    expect(second.result).toMatchObject({
      answer: "Done.",
      status: "completed",
    });
    expect(deleted).toEqual(["tmp/d", "b", "e"]);
    expect(asked).toEqual(["a", "b", "c", "tmp/d"]);
    expect(requests).toHaveLength(3);
    expect(resultsIn(second.model, 1)).toMatchObject([
      {
        status: "error",
        content: [{ text: "The call was not approved. It is needed." }],
      },
      { status: "success", content: [{ text: "b is gone." }] },
      {
        status: "success",
        content: [
          {
            text: 'It was approved with another input, and made with that: {"file":"e"}',
          },
          { text: "e is gone." },
        ],
      },
      { status: "success", content: [{ text: "tmp/d is gone." }] },
    ]);
  });

  test.each([
    ["nothing known", { decision: "yes" }],
    ["no object", "approve"],
    ["null", null],
    ["a list", ["approve"]],
    ["an edit without an input", { decision: "edit" }],
  ])(
    "%s as an answer is none, and the tool does not run",
    async (_what, answer) => {
      const { second } = await answered(agent, [files("a"), "Done."], {
        a: answer,
      });
      expect(deleted).toEqual([]);
      expect(resultsIn(second.model, 1)[0]).toMatchObject({
        status: "error",
        content: [
          {
            text: "The call was not approved. The answer to the question for approval was none.",
          },
        ],
      });
    },
  );

  test.each([[undefined], [""], [5]])(
    "a rejection with the reason %p has none",
    async (reason) => {
      const { second } = await answered(agent, [files("a"), "Done."], {
        a: { decision: "reject", reason },
      });
      expect(resultsIn(second.model, 1)[0]?.content).toEqual([
        { text: "The call was not approved. No reason was given." },
      ]);
    },
  );

  test("an edited input is validated like the model's", async () => {
    const { second } = await answered(agent, [files("a"), "Done."], {
      a: { decision: "edit", input: { file: { $ne: "" } } },
    });
    expect(deleted).toEqual([]);
    expect(resultsIn(second.model, 1)[0]).toMatchObject({
      status: "error",
      content: [{ text: expect.stringContaining("which is not valid") }],
    });
  });

  test("does not run when nobody answers in time", async () => {
    const patient = new Agent({
      name: "cleaner",
      tools: [remove],
      approvalTimeoutMs: 1,
    });
    const journal = memoryJournal();
    const run = () =>
      withModel([files("a"), "Done."], (context) =>
        patient.run("Clean up.", context, { journal: journal.resume() }),
      );
    await run();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { result } = await withModel(["Done."], (context) =>
      patient.run("Clean up.", context, { journal: journal.resume() }),
    );
    expect(result.steps[0]?.toolCalls[0]?.content).toEqual([
      { text: "The call was not approved. Nobody has approved of it in time." },
    ]);
  });

  test("is answered at once where the journal knows the answers", async () => {
    const journal = memoryJournal({
      answers: { "approve remove": { decision: "approve" } },
    });
    const { result } = await withModel(script, (context) =>
      agent.run("Clean up.", context, { journal }),
    );
    expect(result.status).toBe("completed");
    expect(deleted.toSorted()).toEqual(["a", "b", "c", "tmp/d"]);
  });

  test("is asked for in an agent that is a tool of another one", async () => {
    const outer = new Agent({
      name: "boss",
      tools: [agent.asTool({ description: "Cleans up." })],
    });
    const { requests, second } = await answered(
      outer,
      [
        calling(["cleaner", { query: "Clean a." }]),
        files("a"),
        "It is clean.",
        "All is done.",
      ],
      { a: { decision: "approve" } },
    );
    expect(requests).toMatchObject([{ tool: "remove", agent: "cleaner" }]);
    expect(deleted).toEqual(["a"]);
    expect(second.result).toMatchObject({
      answer: "All is done.",
      status: "completed",
      toolCalls: 2,
    });
    expect(resultsIn(second.model, 2)[0]?.content).toEqual([
      { text: "It is clean." },
    ]);
  });

  test("also of an agent as a whole", async () => {
    const outer = new Agent({
      name: "boss",
      tools: [
        agent.asTool({
          name: "clean",
          description: "Cleans up.",
          needsApproval: ({ query }) => query.includes("all"),
        }),
      ],
    });
    const { result, model } = await withModel(
      [calling(["clean", { query: "Clean all." }])],
      (context) => outer.run("Clean up.", context),
    );
    expect(result).toMatchObject({
      status: "suspended",
      reason: "The run waits for an answer: approve clean.",
    });
    expect(model.totalCalls).toBe(1);
  });
});
