import { describe, expect, test } from "@jest/globals";
import { Chain, chain, Step } from "@lambdallm/chain";
import { middyMajors } from "../../../test-support/middy.ts";
import { answering, inHandler } from "./support.ts";

const echo = () => answering((prompt) => `<${prompt}>`);

describe.each(middyMajors)("A chain in a handler of %s", (_name, middy) => {
  test("runs its steps in order, each with what those before it gave", async () => {
    const model = echo();
    const report = chain("report")
      .step({ name: "summary", prompt: "Summarize: {text}" })
      .step({ name: "title", prompt: "A title for: {summary.output}" });
    const result = await inHandler(
      (context) => report.run(context, { text: "a long text" }),
      { middy, provider: model.middleware() },
    );
    expect(result).toEqual({
      status: "completed",
      steps: [
        {
          name: "summary",
          status: "completed",
          output: "<Summarize: a long text>",
          costUsd: expect.any(Number),
        },
        {
          name: "title",
          status: "completed",
          output: "<A title for: <Summarize: a long text>>",
          costUsd: expect.any(Number),
        },
      ],
      outputs: {
        summary: "<Summarize: a long text>",
        title: "<A title for: <Summarize: a long text>>",
      },
      finalOutput: "<A title for: <Summarize: a long text>>",
      totalCostUsd: expect.any(Number),
      runId: expect.any(String),
    });
    expect(model.calls.map(({ prompt }) => prompt)).toEqual([
      "Summarize: a long text",
      "A title for: <Summarize: a long text>",
    ]);
  });

  test("is the same as an array of steps", async () => {
    const report = new Chain({
      name: "report",
      steps: [
        new Step({ name: "summary", prompt: "Summarize: {text}" }),
        new Step({ name: "title", prompt: "A title for: {summary.output}" }),
        new Step({
          name: "length",
          func: async ({ outputs }) => String(outputs["title"]).length,
        }),
      ],
    });
    const result = await inHandler(
      (context) => report.run(context, { text: "a text" }),
      { middy, provider: echo().middleware() },
    );
    expect(result.outputs).toEqual({
      summary: "<Summarize: a text>",
      title: "<A title for: <Summarize: a text>>",
      length: 34,
    });
  });
});
