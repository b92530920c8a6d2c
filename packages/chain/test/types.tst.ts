import { Chain, type ChainContext, chain, Step } from "@lambdallm/chain";
import { Prompt, type PromptValue } from "@lambdallm/core";
import { describe, expect, test } from "tstyche";

declare const context: ChainContext;
declare const text: string;

const summary = { name: "summary", prompt: "Summarize: {text}" } as const;

describe("a chain that is written step by step", () => {
  const report = chain("report")
    .step(summary)
    .step({
      name: "facts",
      prompt: "List facts of: {text}",
      outputSchema: { title: "string", facts: ["string"] },
    })
    .step({ name: "words", func: async () => 5 });

  test("gives the names and the types of its outputs", async () => {
    const result = await report.run(context, { text });
    if (result.status === "completed") {
      expect(result.outputs).type.toBe<
        Readonly<{
          summary: string;
          facts: { title: string; facts: string[] };
          words: number;
        }>
      >();
      expect(result.finalOutput).type.toBe<number>();
    } else {
      expect(result.outputs.summary).type.toBe<string | undefined>();
      expect(result.finalOutput).type.toBe<number | undefined>();
      expect(result.outputs).type.not.toHaveProperty("sumary");
    }
  });

  test("needs the variables of its prompts", () => {
    expect(report.run).type.toBeCallableWith(context, { text });
    expect(report.run).type.not.toBeCallableWith(context, { txet: text });
    expect(report.run).type.not.toBeCallableWith(context);
    expect(
      chain("a").step({ name: "b", prompt: "Hello" }).run,
    ).type.toBeCallableWith(context);
  });

  test("refuses references to what is not there", () => {
    expect(report.step).type.toBeCallableWith({
      name: "title",
      prompt:
        "Of {summary.output} and {facts.output.title} and {facts.output.facts.0}",
    });
    expect(report.step).type.not.toBeCallableWith({
      name: "title",
      prompt: "Of {sumary.output}",
    });
    expect(report.step).type.not.toBeCallableWith({
      name: "title",
      prompt: "Of {facts.output.titel}",
    });
    expect(report.step).type.not.toBeCallableWith({
      name: "title",
      prompt: "Of {summary.output.title}",
    });
    expect(report.step).type.not.toBeCallableWith({
      name: "title",
      prompt: "Of {summary}",
    });
    expect(report.step).type.not.toBeCallableWith({
      name: "title",
      prompt: "Of {summary.text}",
    });
    expect(report.step).type.not.toBeCallableWith({
      name: "title",
      prompt: "Of {text}",
      needs: ["sumary"],
    });
    report.step({
      name: "title",
      // @ts-expect-error no step has this output
      prompt: "Of {sumary.output}",
    });
  });

  test("tells functions and conditions what those before them give", () => {
    report
      .step({
        name: "title",
        func: async ({ outputs }) => {
          expect(outputs.facts.title).type.toBe<string>();
          expect(outputs.words).type.toBe<number>();
          expect(outputs).type.not.toHaveProperty("sumary");
          return { title: outputs.facts.title };
        },
      })
      .step({
        name: "end",
        prompt: "Of {title.output.title}",
        condition: ({ outputs }) => {
          expect(outputs.title.title).type.toBe<string>();
          return outputs.words > 3;
        },
      });
  });

  test("tells them only of the steps that they need", () => {
    report.step({
      name: "title",
      needs: ["summary"],
      func: ({ outputs }) => {
        expect(outputs).type.toBe<{ summary: string }>();
        return outputs.summary.length;
      },
    });
    expect(report.step).type.not.toBeCallableWith({
      name: "title",
      needs: ["sumary"],
      func: () => 5,
    });
  });

  test("knows that a step with a condition may leave nothing", async () => {
    const { outputs, finalOutput, status } = await report
      .step({ name: "title", prompt: "A title", condition: () => false })
      .step({
        name: "end",
        func: ({ outputs }) => {
          expect(outputs.title).type.toBe<string | undefined>();
          return 5;
        },
        condition: () => true,
      })
      .run(context, { text });
    if (status !== "completed") return;
    expect(outputs.title).type.toBe<string | undefined>();
    expect(finalOutput).type.toBe<number | undefined>();
  });

  test("has variables of declared types, when they are", () => {
    const declared = chain<{ text: string; words: number }>("report").step(
      summary,
    );
    expect(declared.run).type.toBeCallableWith(context, { text, words: 5 });
    expect(declared.run).type.not.toBeCallableWith(context, { text });
    expect(declared.step).type.not.toBeCallableWith({
      name: "title",
      prompt: "Of {txet}",
    });
    declared.step({
      name: "title",
      func: ({ variables }) => {
        expect(variables.words).type.toBe<number>();
      },
    });
  });

  test("takes prompts with types of their own", async () => {
    const tone = new Prompt({
      template: "In a {tone} tone: {summary.output}",
      inputSchema: { tone: "string", summary: "dict" },
      outputSchema: { text: "string" },
    });
    const toned = report.step({ name: "toned", prompt: tone });
    expect(toned.run).type.toBeCallableWith(context, { text, tone: "warm" });
    expect(toned.run).type.not.toBeCallableWith(context, { text, tone: 5 });
    expect(toned.run).type.not.toBeCallableWith(context, { text });
    const result = await toned.run(context, { text, tone: "warm" });
    expect(result.finalOutput).type.toBe<{ text: string } | undefined>();
  });

  test("knows its steps by name", () => {
    expect(report.getStep).type.toBeCallableWith("summary");
    expect(report.getStep("summary").name).type.toBe<string>();
    expect(report.getStep("another")).type.toBeAssignableTo<
      { readonly name: string } | undefined
    >();
  });
});

describe("a chain of an array of steps", () => {
  const report = new Chain({
    name: "report",
    steps: [
      new Step(summary),
      new Step({
        name: "facts",
        prompt: "List facts of: {text}",
        outputSchema: { title: "string" },
      }),
      new Step({
        name: "title",
        prompt: "Of {summary.output} and {facts.output.title} for {reader}",
        needs: ["facts"],
      }),
      new Step({ name: "words", func: async () => 5, condition: () => true }),
    ],
  });

  test("gives the names and the types of its outputs", async () => {
    const result = await report.run(context, { text, reader: "Ada" });
    if (result.status !== "completed") return;
    expect(result.outputs).type.toBe<
      Readonly<{
        summary: string;
        facts: { title: string };
        title: string;
        words: number | undefined;
      }>
    >();
    expect(result.finalOutput).type.toBe<number | undefined>();
  });

  test("needs the variables of its prompts", () => {
    expect<Parameters<typeof report.run>[1]>().type.toBe<{
      readonly text: PromptValue;
      readonly reader: PromptValue;
    }>();
    expect(report.run).type.not.toBeCallableWith(context, { text });
  });

  test("refuses references to what is not there", () => {
    const steps = [
      new Step(summary),
      new Step({ name: "title", prompt: "Of {sumary.output}" }),
    ] as const;
    expect(Chain).type.not.toBeConstructableWith({ name: "report", steps });
    const fields = [
      new Step(summary),
      new Step({ name: "title", prompt: "Of {summary.output.title}" }),
    ] as const;
    expect(Chain).type.not.toBeConstructableWith({ name: "a", steps: fields });
    const needs = [
      new Step(summary),
      new Step({ name: "title", prompt: "A title", needs: ["sumary"] }),
    ] as const;
    expect(Chain).type.not.toBeConstructableWith({ name: "a", steps: needs });
  });

  test("refuses them where they are written, too", () => {
    expect(Chain).type.not.toBeConstructableWith({
      name: "report",
      steps: [
        new Step(summary),
        new Step({ name: "title", prompt: "Of {sumary.output}" }),
      ],
    });
    expect(Chain).type.not.toBeConstructableWith({
      name: "report",
      steps: [
        new Step(summary),
        new Step({ name: "title", prompt: "A title", needs: ["sumary"] }),
      ],
    });
    expect(Chain).type.toBeConstructableWith({
      name: "report",
      steps: [
        new Step(summary),
        new Step({ name: "title", prompt: "A title", needs: ["summary"] }),
      ],
    });
  });

  test("knows nothing of an array that is no literal", async () => {
    const steps: Step[] = [];
    const result = await new Chain({ name: "report", steps }).run(context);
    expect(result.finalOutput).type.toBe<unknown>();
  });
});

describe("a step", () => {
  test("has a prompt or a function", () => {
    expect(Step).type.toBeConstructableWith({ name: "a", prompt: "b" });
    expect(Step).type.toBeConstructableWith({ name: "a", func: () => 5 });
    expect(Step).type.not.toBeConstructableWith({ name: "a" });
    expect(Step).type.not.toBeConstructableWith({
      name: "a",
      prompt: "b",
      func: () => 5,
    });
    expect(Step).type.not.toBeConstructableWith({
      name: "a",
      func: () => 5,
      model: "a-model",
    });
  });
});
