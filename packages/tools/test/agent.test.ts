import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { Agent, type AgentResult } from "@lambdallm/agent";
import type { JsonValue } from "@lambdallm/core";
import {
  MockLambdaContext,
  MockProvider,
  type MockResponse,
} from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { checkTools } from "../src/index.ts";
import { tools } from "./fixtures/library.generated.ts";

const fixture = (name: string) =>
  fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

test("The tools of these tests are fresh; lambdallm-tools writes them", () => {
  const { changes } = checkTools({
    files: [fixture("library.ts")],
    outFile: fixture("library.generated.ts"),
    importExtension: "ts",
  });
  expect(changes).toEqual([]);
});

/** An answer that calls a tool. */
const calling = (name: string, input: JsonValue) => ({
  content: [{ toolUse: { toolUseId: name, name, input } }],
});

describe.each(middyMajors)("An agent on %s", (_name, middy) => {
  const run = async (...responses: MockResponse[]) => {
    const model = new MockProvider({ responses });
    const agent = new Agent({ name: "librarian", tools });
    const handler = middy()
      .use(model.middleware())
      .handler(async (_event, context) => agent.run("Help me.", context));
    const { status, steps }: AgentResult<undefined> = await handler(
      {},
      new MockLambdaContext(),
    );
    return { status, steps, model };
  };

  test("calls functions that were exported, with what they expect", async () => {
    const { steps, model } = await run(
      calling("findBooks", { subject: "physics" }),
      calling("count-books", {
        subject: "history",
        books: ["a"],
        below: { subject: "physics", books: ["b", "c"] },
      }),
      "Done.",
    );
    expect(
      steps.flatMap(({ toolCalls }) =>
        toolCalls.map(({ name, status, content }) => [name, status, content]),
      ),
    ).toEqual([
      [
        "findBooks",
        "success",
        [{ json: { books: ["A physics", "B physics"], isAborted: false } }],
      ],
      ["count-books", "success", [{ text: "3" }]],
    ]);
    expect(
      model.calls[0]?.request.tools?.flatMap((one) =>
        "toolSpec" in one
          ? [[one.toolSpec.name, one.toolSpec.description]]
          : [],
      ),
    ).toEqual([
      ["findBooks", "Finds the books of a subject."],
      ["discard", "Throws a book away."],
      ["count-books", "Counts the books of a shelf and of those below it."],
    ]);
  });

  test("asks before it calls one that needs approval", async () => {
    const { status } = await run(calling("discard", { title: "A physics" }));
    expect(status).toBe("suspended");
  });

  test("tells the model what is wrong with an input", async () => {
    const { steps } = await run(
      calling("findBooks", { subject: "magic" }),
      calling("count-books", { subject: "physics", books: [], below: {} }),
      "Sorry.",
    );
    expect(
      steps.flatMap(({ toolCalls }) => toolCalls.map(({ status }) => status)),
    ).toEqual(["error", "error"]);
  });
});
