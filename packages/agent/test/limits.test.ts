import { describe, expect, test } from "@jest/globals";
import { invocationOf } from "@lambdallm/core/feature";
import { Agent, tool } from "../src/index.ts";
import { calling, withModel } from "./support.ts";

const look = tool({
  name: "look",
  description: "Looks at a page.",
  input: { page: "integer" },
  run: ({ page }) => `This is page ${page}.`,
});

/** A model that looks at one page after the other, and answers when it is told that there are no more calls. */
const curious = () => {
  let page = 0;
  return ({ messages }: { readonly messages: readonly unknown[] }) =>
    JSON.stringify(messages.at(-1)).includes("No more tools")
      ? "That is all I have."
      : calling(["look", { page: ++page }]);
};

describe("At a limit the model is asked for one last answer", () => {
  test("after maxIterations answers, 10 if nothing else is said", async () => {
    const agent = new Agent({ name: "reader", tools: [look] });
    const { result, model } = await withModel([curious()], (context) =>
      agent.run("Read.", context),
    );
    expect(result).toMatchObject({
      answer: "That is all I have.",
      status: "max_iterations",
      reason: "The model has answered 10 times (maxIterations).",
      iterations: 10,
      toolCalls: 10,
    });
    expect(model.totalCalls).toBe(11);
  });

  test("and it is told so behind the results, with its tools still declared", async () => {
    const agent = new Agent({
      name: "reader",
      tools: [look],
      maxIterations: 1,
    });
    const { model } = await withModel([curious()], (context) =>
      agent.run("Read.", context),
    );
    const { messages = [], tools = [] } = model.calls[1]?.request ?? {};
    expect(tools[0]).toMatchObject({ toolSpec: { name: "look" } });
    expect(messages.at(-1)).toMatchObject({
      role: "user",
      content: expect.arrayContaining([
        { toolResult: expect.objectContaining({ toolUseId: "look-0" }) },
        {
          text: "No more tools can be called. Answer now, as well as you can from what you have.",
        },
      ]),
    });
  });

  test("what it calls all the same is not called", async () => {
    const agent = new Agent({
      name: "reader",
      tools: [look],
      maxIterations: 1,
    });
    const { result } = await withModel(
      [calling(["look", { page: 1 }]), calling(["look", { page: 2 }])],
      (context) => agent.run("Read.", context),
    );
    expect(result).toMatchObject({
      answer: "",
      status: "max_iterations",
      toolCalls: 1,
    });
  });

  test("after maxToolCalls calls; those of an answer that are too many are not made", async () => {
    const agent = new Agent({ name: "reader", tools: [look], maxToolCalls: 2 });
    const { result, model } = await withModel(
      [
        calling(
          ["look", { page: 1 }],
          ["look", { page: 2 }],
          ["look", { page: 3 }],
        ),
        "Enough.",
      ],
      (context) => agent.run("Read.", context),
    );
    expect(result).toMatchObject({
      answer: "Enough.",
      status: "stopped",
      reason: "2 tool calls were made (maxToolCalls).",
      toolCalls: 2,
    });
    expect(result.steps[0]?.toolCalls.map(({ status }) => status)).toEqual([
      "success",
      "success",
      "error",
    ]);
    expect(model.totalCalls).toBe(2);
  });

  test("no tool is called with maxToolCalls 0, and the model may answer without", async () => {
    const agent = new Agent({ name: "reader", tools: [look], maxToolCalls: 0 });
    const { result } = await withModel(["Hello."], (context) =>
      agent.run("Hello?", context),
    );
    expect(result).toMatchObject({ answer: "Hello.", toolCalls: 0 });
  });

  test("before maxCostUsd is spent, with as many tokens as the rest is enough for", async () => {
    const maxCostUsd = 0.03;
    const agent = new Agent({ name: "reader", tools: [look], maxCostUsd });
    const expensive = curious();
    const { result, model } = await withModel(
      [
        (request) => {
          const answer = expensive(request);
          const outputTokens = Math.min(1_500, request.maxTokens ?? 1_500);
          return typeof answer === "string"
            ? { text: answer, usage: { outputTokens } }
            : { ...answer, usage: { outputTokens } };
        },
      ],
      (context) => agent.run("Read.", context),
    );
    expect(result).toMatchObject({
      answer: "That is all I have.",
      status: "cost_limit",
    });
    expect(result.reason).toContain("maxCostUsd");
    expect(result.totalCostUsd).toBeLessThanOrEqual(maxCostUsd);
    expect(result.iterations).toBeGreaterThan(1);
    expect(model.calls.at(-1)?.request.maxTokens).toBeLessThan(4_096);
  });

  test("money that is not enough for any answer is not spent", async () => {
    const agent = new Agent({ name: "reader", maxCostUsd: 0.0001 });
    const { result, model } = await withModel(["Hello."], (context) =>
      agent.run("Hello?", context),
    );
    expect(result).toMatchObject({
      answer: "",
      status: "cost_limit",
      totalCostUsd: 0,
      iterations: 0,
    });
    expect(model.totalCalls).toBe(0);
  });

  test("a model without a price cannot be kept to maxCostUsd, and is not called", async () => {
    const agent = new Agent({
      name: "reader",
      model: "acme.unpriced-v1",
      maxCostUsd: 1,
    });
    const run = withModel(["Hello."], (context) => agent.run("Hi", context));
    await expect(run).rejects.toMatchObject({
      code: "CONFIGURATION",
      message:
        "maxCostUsd needs the price of the model acme.unpriced-v1, which is not known: give it to registerModel().",
    });
  });

  test("a tool whose model calls nobody knows the price of ends the run at maxCostUsd", async () => {
    const ask = tool({
      name: "ask",
      description: "Asks another model.",
      run: (_input, { context }) =>
        context.llm.invoke("Hello", {}, { model: "acme.unpriced-v1" }),
    });
    const agent = new Agent({ name: "reader", tools: [ask], maxCostUsd: 1 });
    const { result } = await withModel(
      [calling(["ask", {}]), "Hi there.", "Never asked."],
      (context) => agent.run("Hello?", context),
    );
    expect(result).toMatchObject({ status: "cost_limit", answer: "" });
    expect(result.totalCostUsd).toBeUndefined();
  });

  test("and so does an answer of another model that was sent in its place", async () => {
    const agent = new Agent({ name: "reader", tools: [look], maxCostUsd: 1 });
    const { result, model } = await withModel(
      [calling(["look", { page: 1 }]), "Never asked."],
      (context) => {
        invocationOf(context).intercept("call", "swap", (request, next) =>
          next({ ...request, model: "acme.unpriced-v1" }),
        );
        return agent.run("Hello?", context);
      },
    );
    expect(result).toMatchObject({ status: "cost_limit", toolCalls: 1 });
    expect(model.totalCalls).toBe(1);
  });

  test("thinking has its budget beside the answer", async () => {
    const budget_tokens = 4_000;
    const agent = new Agent({
      name: "thinker",
      maxCostUsd: 0.015,
      bedrock: {
        additionalModelRequestFields: {
          thinking: { type: "enabled", budget_tokens },
        },
      },
    });
    const { result } = await withModel(["Hello."], (context) =>
      agent.run("Hello?", context),
    );
    expect(result.status).toBe("cost_limit");
  });

  test("when less than timeoutBufferMs is left of the function's time", async () => {
    const agent = new Agent({
      name: "reader",
      tools: [
        tool({
          name: "look",
          description: "Takes long.",
          input: { page: "integer" },
          run: () => new Promise(() => {}),
        }),
      ],
      timeoutBufferMs: 3_000,
    });
    const { result } = await withModel(
      [curious()],
      (context) => agent.run("Read.", context),
      { timeoutMs: 3_500 },
    );
    expect(result).toMatchObject({
      answer: "That is all I have.",
      status: "timeout",
      iterations: 1,
    });
    expect(result.steps[0]?.toolCalls[0]).toMatchObject({ status: "error" });
  });

  test("but not when the time is not enough for one", async () => {
    const agent = new Agent({ name: "reader", timeoutBufferMs: 30_000 });
    const { result } = await withModel(
      [{ text: "Never said.", delayMs: 60_000 }],
      (context) => agent.run("Read.", context),
      { timeoutMs: 700 },
    );
    expect(result).toMatchObject({ answer: "", status: "timeout" });
  });
});

test("A model that hangs does not keep a run from its end", async () => {
  const agent = new Agent({ name: "reader" });
  const { result } = await withModel(
    [() => new Promise(() => {})],
    (context) => agent.run("Read.", context),
    { timeoutMs: 700 },
  );
  expect(result).toMatchObject({
    answer: "",
    status: "timeout",
    reason: "The time was over before the answer was.",
  });
});

describe("A run ends by its own rules", () => {
  test("after a tool, whose result is the answer when the model says nothing beside", async () => {
    const agent = new Agent({
      name: "reader",
      tools: [look],
      stopAfterTool: "look",
    });
    const { result, model } = await withModel(
      [calling(["look", { page: 7 }])],
      (context) => agent.run("Read.", context),
    );
    expect(result).toMatchObject({
      answer: "This is page 7.",
      status: "stopped",
      reason: 'The tool "look" was called.',
    });
    expect(model.totalCalls).toBe(1);
  });

  test("when stopWhen says so", async () => {
    const agent = new Agent({
      name: "reader",
      tools: [look],
      stopWhen: async (steps) => steps.length === 2,
    });
    const { result, model } = await withModel([curious()], (context) =>
      agent.run("Read.", context),
    );
    expect(result).toMatchObject({
      answer: "This is page 2.",
      status: "stopped",
      reason: "stopWhen has ended the run.",
    });
    expect(model.totalCalls).toBe(2);
  });

  test("with what the model says beside its calls as the answer", async () => {
    const agent = new Agent({
      name: "reader",
      tools: [look],
      stopAfterTool: "look",
    });
    const { content } = calling(["look", { page: 1 }]);
    const { result } = await withModel(
      [{ content: [{ text: "I look." }, ...content] }],
      (context) => agent.run("Read.", context),
    );
    expect(result.answer).toBe("I look.");
  });

  test("also behind a step in which nothing was said", async () => {
    const agent = new Agent({ name: "reader", stopWhen: () => true });
    const { result } = await withModel([{ content: [] }], (context) =>
      agent.run("Read.", context),
    );
    expect(result).toMatchObject({ answer: "", status: "stopped" });
  });

  test("with the JSON of the last tool as the answer", async () => {
    const data = tool({
      name: "data",
      description: "Gives data.",
      run: () => [
        { json: { a: 1 } },
        {
          document: {
            name: "d",
            format: "txt",
            source: { bytes: new Uint8Array([65]) },
          },
        },
      ],
    });
    const agent = new Agent({
      name: "reader",
      tools: [data],
      stopAfterTool: ["data"],
    });
    const { result } = await withModel([calling(["data", {}])], (context) =>
      agent.run("Read.", context),
    );
    expect(result.answer).toBe('{"a":1}');
  });

  test("when a model makes the same call for the third time in a row, which is not made", async () => {
    let runs = 0;
    const again = tool({
      name: "again",
      description: "Says the same.",
      input: { x: "integer?", y: "integer?" },
      run: () => {
        runs += 1;
      },
    });
    const agent = new Agent({ name: "reader", tools: [again] });
    const { result } = await withModel(
      [
        calling(["again", { x: 1, y: 2 }]),
        calling(["again", { y: 2, x: 1 }]),
        calling(["again", { x: 1, y: 2 }]),
        "I give up.",
      ],
      (context) => agent.run("Read.", context),
    );
    expect(runs).toBe(2);
    expect(result).toMatchObject({
      answer: "I give up.",
      status: "stopped",
      reason:
        'The model has called the tool "again" 3 times in a row with the same input.',
      toolCalls: 2,
    });
  });
});
