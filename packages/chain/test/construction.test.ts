import { describe, expect, test } from "@jest/globals";
import { Chain, chain, Step } from "@lambdallm/chain";
import { ConfigurationError, Prompt } from "@lambdallm/core";

/** The message of the ConfigurationError that something throws. */
function complaint(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error("Nothing was thrown.");
}

/** A chain of these steps, past the compiler: their options are wrong. */
const chainOf = (...steps: readonly object[]) =>
  new Chain({
    name: "report",
    steps: steps.map((options) => new Step(options as never)) as Step[],
  });

describe("A chain refuses, when it is made,", () => {
  test.each<[what: string, steps: readonly object[], message: string]>([
    [
      "a reference to a step that is misspelt",
      [
        { name: "summary", prompt: "Summarize: {text}" },
        { name: "title", prompt: "Of {sumary.output}" },
      ],
      'Chain "report": the step "title" refers to the output of "sumary", and there is no step of this name. Did you mean "summary"?',
    ],
    [
      "a reference to a step that is not like any",
      [{ name: "title", prompt: "Of {something.output.text}" }],
      'Chain "report": the step "title" refers to the output of "something", and there is no step of this name.',
    ],
    [
      "a reference to a step in place of its output",
      [
        { name: "summary", prompt: "Summarize: {text}" },
        { name: "title", prompt: "Of {summary}" },
      ],
      'Chain "report": the step "title" refers to {summary}, but "summary" is a step: write {summary.output}.',
    ],
    [
      "a reference to a field that the schema has not",
      [
        {
          name: "facts",
          prompt: "Of {text}",
          outputSchema: { title: "string" },
        },
        { name: "title", prompt: "Of {facts.output.titel}" },
      ],
      'Chain "report": the step "title" refers to {facts.output.titel}, and the outputSchema of "facts" has no "titel". Did you mean "title"?',
    ],
    [
      "a reference to a field in a field that the schema has not",
      [
        {
          name: "facts",
          prompt: "Of {text}",
          outputSchema: { author: { name: "string" } },
        },
        { name: "title", prompt: "Of {facts.output.author.born}" },
      ],
      'Chain "report": the step "title" refers to {facts.output.author.born}, and the outputSchema of "facts" has no "born".',
    ],
    [
      "a reference to a field of a text",
      [
        { name: "summary", prompt: "Summarize: {text}" },
        { name: "title", prompt: "Of {summary.output.title}" },
      ],
      'Chain "report": the step "title" refers to {summary.output.title}, but the output of "summary" is a text: write {summary.output}, or give the step an outputSchema.',
    ],
    [
      "a need that is misspelt",
      [
        { name: "summary", prompt: "Summarize: {text}" },
        { name: "title", func: () => 5, needs: ["Summry"] },
      ],
      'Chain "report": the step "title" needs "Summry", and there is no step of this name. Did you mean "summary"?',
    ],
    [
      "two steps of one name",
      [
        { name: "summary", prompt: "Summarize: {text}" },
        { name: "summary", prompt: "Again: {text}" },
      ],
      'Chain "report": two steps have the name "summary".',
    ],
    [
      "steps that wait for each other",
      [
        { name: "a", prompt: "Of {text}" },
        { name: "b", prompt: "Of {d.output} and {a.output}" },
        { name: "c", prompt: "Of {b.output}" },
        { name: "d", prompt: "Of {c.output}" },
      ],
      'Chain "report": steps wait for each other: "b" needs "d" needs "c" needs "b".',
    ],
    [
      "a step that waits for itself",
      [{ name: "a", prompt: "Of {a.output}" }],
      'Chain "report": steps wait for each other: "a" needs "a".',
    ],
    [
      "no steps",
      [],
      'Chain: the option "steps" must be an array of at least one Step.',
    ],
  ])("%s", (_what, steps, message) => {
    expect(complaint(() => chainOf(...steps))).toBe(message);
  });

  test("the same in its fluent form", () => {
    const report = chain("report").step({ name: "summary", prompt: "{text}" });
    expect(
      complaint(() =>
        report.step({
          name: "title",
          // @ts-expect-error no step has this output
          prompt: "{sumary.output}",
        }),
      ),
    ).toContain('Did you mean "summary"?');
  });

  test("a reference in a Prompt that leads nowhere", () => {
    const prompt = new Prompt({ template: "Of {sumary.output}" });
    expect(
      complaint(() =>
        chain("report")
          .step({ name: "summary", prompt: "{text}" })
          .step({ name: "title", prompt }),
      ),
    ).toContain('Did you mean "summary"?');
  });

  test.each<[options: object, message: string]>([
    [{ name: " " }, 'Chain: the option "name" must be a non-empty string.'],
    [{}, 'Chain: the option "name" is missing: give a non-empty string.'],
    [
      { name: "a", steps: [{ name: "b", prompt: "c" }] },
      'Chain: the option "steps" must be an array of at least one Step.',
    ],
    [
      { name: "a", timeoutStrategy: "wait" },
      'Chain: the option "timeoutStrategy" must be one of fail-fast, truncate, checkpoint.',
    ],
    [
      { name: "a", concurrency: 0 },
      'Chain: the option "concurrency" must be a positive integer.',
    ],
    [
      { name: "a", maxTotalCostUsd: -1 },
      'Chain: the option "maxTotalCostUsd" must be a finite number of at least 0.',
    ],
    [
      { name: "a", maxCostUsd: 1 },
      'Chain: there is no option "maxCostUsd". Options: name, steps, timeoutStrategy, maxTotalCostUsd, concurrency.',
    ],
  ])("the options %j", (options, message) => {
    expect(complaint(() => new Chain(options as never))).toBe(message);
  });

  test("the same options where it begins in its fluent form", () => {
    expect(complaint(() => chain("a", { concurrency: -1 }))).toContain(
      '"concurrency" must be a positive integer',
    );
    expect(
      complaint(() => chain("").step({ name: "b", prompt: "c" })),
    ).toContain('"name" must be a non-empty string');
  });
});

describe("A step refuses", () => {
  test.each<[options: object, message: string]>([
    [
      { prompt: "a" },
      'Step: the option "name" is missing: give a non-empty string.',
    ],
    [
      { name: "the title", prompt: "a" },
      'Step "the title": a name is what templates refer to, so it has no spaces, dots, braces or other punctuation, and begins with a letter.',
    ],
    [{ name: "a" }, 'Step "a": give either a "prompt" or a "func".'],
    [
      { name: "a", prompt: "b", func: () => 5 },
      'Step "a": give either a "prompt" or a "func".',
    ],
    [
      { name: "a", prompt: " " },
      'Step: the option "prompt" must be a non-empty string or a Prompt.',
    ],
    [
      { name: "a", prompt: { template: "b" } },
      'Step: the option "prompt" must be a non-empty string or a Prompt.',
    ],
    [
      { name: "a", func: () => 5, outputSchema: { b: "string" } },
      'Step "a": the option "outputSchema" is for a step with a "prompt".',
    ],
    [
      { name: "a", prompt: "b", retries: 2, retry: () => false },
      'Step "a": give either "retries" or "retry".',
    ],
    [
      { name: "a", prompt: "b", retries: 1.5 },
      'Step: the option "retries" must be a whole number of at least 0.',
    ],
    [
      { name: "a", prompt: "b", maxTokens: 0 },
      'Step: the option "maxTokens" must be a positive integer.',
    ],
    [
      { name: "a", prompt: "b", temprature: 0 },
      'Step: there is no option "temprature". Options: name, prompt, func, needs, model, maxTokens, temperature, outputSchema, condition, retries, retry.',
    ],
  ])("the options %j", (options, message) => {
    expect(complaint(() => new Step(options as never))).toBe(message);
  });

  test("a schema that is none", () => {
    expect(
      complaint(
        () =>
          new Step({
            name: "a",
            prompt: "b",
            outputSchema: { c: "text" } as never,
          }),
      ),
    ).toMatch(/^Step "a": outputSchema: /);
  });
});

describe("A chain", () => {
  const report = chain("report")
    .step({ name: "summary", prompt: "Summarize: {text}" })
    .step({ name: "facts", prompt: "List facts of: {text}" })
    .step({ name: "title", prompt: "Of {summary.output}" })
    .step({ name: "cover", prompt: "For {summary.output}" })
    .step({
      name: "end",
      func: () => 5,
      condition: () => true,
    });

  test("knows its steps by name", () => {
    expect(report.getStep("title")).toBe(report.steps[2]);
    expect(report.getStep("another")).toBeUndefined();
    expect(report.getStep("summary")).toMatchObject({
      name: "summary",
      prompt: "Summarize: {text}",
      retries: 0,
    });
  });

  test("does not change when a step is added to it, or to what it was made of", () => {
    const steps: Step[] = [new Step({ name: "a", prompt: "b" })];
    const short: Chain = new Chain({ name: "short", steps });
    steps.push(new Step({ name: "c", prompt: "d" }));
    expect(short.steps).toHaveLength(1);
    expect(report.step({ name: "more", func: () => 5 }).steps).toHaveLength(6);
    expect(report.steps).toHaveLength(5);
  });

  test("may refer to a step that stands after it", () => {
    expect(() =>
      chainOf(
        { name: "title", prompt: "Of {summary.output}" },
        { name: "summary", prompt: "Summarize: {text}" },
      ),
    ).not.toThrow();
  });

  test("leaves what looks like a reference in text and in variables", () => {
    expect(() =>
      chainOf({
        name: "a",
        prompt: 'Answer {"b.output": 5} or {{b.output}} {user.output_format}',
      }),
    ).not.toThrow();
  });

  test("takes references into schemas that say nothing of a field", () => {
    expect(() =>
      chainOf(
        {
          name: "a",
          prompt: "b",
          outputSchema: {
            type: "object",
            properties: { c: { type: "object" }, d: {} },
          },
        },
        { name: "f", func: () => 5 },
        {
          name: "e",
          prompt: "{a.output.c.x} {a.output.x} {a.output.d.x} {f.output.x}",
        },
      ),
    ).not.toThrow();
  });

  test("is drawn as a graph, without arrows that others imply", () => {
    expect(report.toMermaid()).toBe(`flowchart TD
  s0["summary"]
  s1["facts"]
  s2["title"]
  s3["cover"]
  s4[["end"]]
  s0 --> s2
  s0 --> s3
  s1 -.-> s4
  s2 -.-> s4
  s3 -.-> s4
`);
  });
});
