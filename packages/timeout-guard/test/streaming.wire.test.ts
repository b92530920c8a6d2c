import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import {
  type CallOptions,
  type ConverseRequest,
  registerModel,
} from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import middy from "middy7";
import type { TimeoutGuardOptions } from "../src/index.ts";
import {
  guardAfter,
  type HandlerContext,
  MODEL,
  minute,
  newModel,
  operations,
  provider,
  question,
  run,
  start,
} from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await start({
    respond: ({ toolConfig }) => ({
      content: [{ text: toolConfig ? "no tool needed" : "answer" }],
      usage: { inputTokens: 10, outputTokens: 2_000 },
    }),
  });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

/** 30 seconds before the deadline. */
const guarded = <Result>(
  handler: (context: HandlerContext) => Promise<Result>,
  options: TimeoutGuardOptions = { strategy: "truncate" },
) =>
  run(middy, [provider(local), guardAfter(30_000, options)], handler, minute());

const invoked = async (options: CallOptions) => {
  await guarded(async ({ invoke }) => invoke("Hi", undefined, options));
  return operations(local);
};

const conversed = async (request: Omit<ConverseRequest, "messages">) => {
  await guarded(async ({ converse }) =>
    converse({ messages: question(), ...request }),
  );
  return operations(local);
};

const tools = [
  { toolSpec: { name: "clock", inputSchema: { json: { type: "object" } } } },
];

/** A model that has tools, but not in a stream. */
function withoutStreamingTools(): string {
  const model = newModel();
  registerModel(model, { tools: true, streamingTools: false });
  return model;
}

describe("With truncate, an answer is streamed underneath", () => {
  test("when maxTokens could outlast the deadline", async () => {
    expect(await invoked({ model: newModel(), maxTokens: 5_000 })).toEqual([
      "ConverseStream",
    ]);
  });

  test("when nobody limits it but the model itself", async () => {
    const model = newModel();
    registerModel(model, { maxOutputTokens: 5_000 });
    expect(await invoked({ model })).toEqual(["ConverseStream"]);
    expect(await invoked({ model })).toEqual(["ConverseStream", "Converse"]);
  });

  test("when nobody knows what limits it", async () => {
    expect(await invoked({ model: newModel() })).toEqual(["ConverseStream"]);
  });

  test("until the model has been seen to be fast enough", async () => {
    const model = newModel();
    const options = { model, maxTokens: 5_000 };
    expect(await invoked(options)).toEqual(["ConverseStream"]);
    expect(await invoked(options)).toEqual(["ConverseStream", "Converse"]);
  });

  test("with tools too, when the model has them in a stream", async () => {
    expect(await conversed({ model: newModel(), tools })).toEqual([
      "ConverseStream",
    ]);
  });
});

describe("With truncate, an answer is not streamed", () => {
  test("when it cannot be that long", async () => {
    expect(await invoked({ model: newModel(), maxTokens: 100 })).toEqual([
      "Converse",
    ]);
  });

  test("when it must be a value: half of one is none", async () => {
    await guarded(async ({ invokeStructured }) =>
      invokeStructured(
        "Hi",
        { title: "string" },
        {},
        { model: MODEL, maxRepairs: 0 },
      ).catch(() => {}),
    );
    expect(operations(local)).toEqual(["Converse"]);
  });

  test("when the model takes no tools in a stream", async () => {
    expect(await conversed({ model: withoutStreamingTools(), tools })).toEqual([
      "Converse",
    ]);
  });

  test("when it takes no tools in a stream, and the history has some", async () => {
    const toolUse = { toolUseId: "1", name: "clock", input: {} };
    const toolResult = { toolUseId: "1", content: [{ text: "noon" }] };
    await guarded(async ({ converse }) =>
      converse({
        model: withoutStreamingTools(),
        messages: [
          ...question(),
          { role: "assistant", content: [{ toolUse }] },
          { role: "user", content: [{ toolResult }] },
        ],
      }),
    );
    expect(operations(local)).toEqual(["Converse"]);
  });

  test("when the time is over already: nothing is sent", async () => {
    expect(await conversed({ model: newModel(), deadline: 1 })).toEqual([]);
  });
});

describe("With fail-fast, an answer is streamed underneath", () => {
  const first = { firstTokenTimeoutMs: 60_000 };

  test("never, however long it is", async () => {
    await guarded(async ({ invoke }) => invoke("Hi"), {});
    expect(operations(local)).toEqual(["Converse"]);
  });

  test("when a silence is limited, whatever it must be", async () => {
    await guarded(async ({ invoke }) => invoke("Hi"), first);
    await guarded(
      async ({ invokeStructured }) =>
        invokeStructured(
          "Hi",
          { title: "string" },
          {},
          { maxRepairs: 0 },
        ).catch(() => {}),
      { betweenTokensTimeoutMs: 60_000 },
    );
    expect(operations(local)).toEqual(["ConverseStream", "ConverseStream"]);
  });

  test("but for tools that the model would refuse then, and values that it might have to give with one", async () => {
    const model = withoutStreamingTools();
    await guarded(async ({ converse, invokeStructured }) => {
      await converse({ messages: question(), model, tools });
      await invokeStructured(
        "Hi",
        { title: "string" },
        {},
        { model, maxRepairs: 0 },
      ).catch(() => {});
    }, first);
    expect(new Set(operations(local))).toEqual(new Set(["Converse"]));
  });
});
