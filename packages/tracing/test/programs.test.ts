import { afterEach, describe, expect, test } from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import { Chain, Step } from "@lambdallm/chain";
import { Model } from "@lambdallm/core";
import { memoryJournal } from "@lambdallm/core/stores";
import { MockProvider } from "@lambdallm/testing";
import { Tracer } from "@lambdallm/tracing";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  attributesOf,
  calling,
  type HandlerContext,
  run,
  setUp,
  tearDown,
} from "./support.ts";

const CHAT = `chat ${Model.CLAUDE_HAIKU_4_5}`;

afterEach(tearDown);

const look = tool({
  name: "look",
  description: "Looks at a page.",
  input: { page: "integer" },
  run: async ({ page }, { context }) => {
    if (page === 0) throw new Error("There is no page 0.");
    return page < 10
      ? `This is page ${page}.`
      : new Tracer().span("read", () => context.llm.invoke("Read it."));
  },
});

/** Of the agent's own model calls. */
const sumOf = ({ spans }: ReturnType<typeof setUp>, key: string) =>
  spans
    .filter(({ attributes }) =>
      String(attributes["lambdallm.step.name"]).startsWith("model "),
    )
    .filter(({ name }) => name === CHAT)
    .reduce((sum, { attributes }) => sum + Number(attributes[key]), 0);

describe.each(middyMajors)("A program on %s", (_name, middy) => {
  test("that is an agent has a span with its calls and its tools below it", async () => {
    const sdk = setUp();
    const agent = new Agent({ name: "reader", tools: [look] });
    const model = new MockProvider({
      responses: [
        calling(["look", { page: 1 }], ["look", { page: 0 }]),
        calling(["look", { page: 10 }]),
        "It is long.",
        "Done.",
      ],
    });
    const { runId } = await run(
      middy,
      (context) => agent.run("What is there?", context),
      { model },
    );
    expect(sdk.tree()).toEqual([
      "invoke_agent reader",
      `  >${CHAT}`,
      "    attempt",
      "  execute_tool look",
      "  execute_tool look!",
      `  >${CHAT}`,
      "    attempt",
      "  execute_tool look",
      "    read",
      `      >${CHAT}`,
      "        attempt",
      `  >${CHAT}`,
      "    attempt",
    ]);
    expect(attributesOf(sdk.span("invoke_agent reader"))).toStrictEqual({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "reader",
      "gen_ai.request.model": Model.CLAUDE_HAIKU_4_5,
      // A tool's own call is not its.
      "gen_ai.usage.input_tokens": sumOf(sdk, "gen_ai.usage.input_tokens"),
      "gen_ai.usage.output_tokens": sumOf(sdk, "gen_ai.usage.output_tokens"),
      "lambdallm.run.id": runId,
      "lambdallm.status": "completed",
    });
    const tools = sdk.spans.filter(({ name }) => name === "execute_tool look");
    expect(tools.map(attributesOf)).toStrictEqual(
      ["look-0", "look-1", "look-0"].map((id, index) => ({
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "Looks at a page.",
        "gen_ai.tool.call.id": id,
        "gen_ai.agent.name": "reader",
        "lambdallm.run.id": runId,
        "lambdallm.step.name": "look",
        ...(index === 1 && { "error.type": "_OTHER" }),
      })),
    );
    const [chat] = sdk.spans.filter(({ name }) => name === CHAT);
    expect(chat && attributesOf(chat)).toMatchObject({
      "lambdallm.run.id": runId,
      "lambdallm.step.name": "model 1",
    });
  });

  test("is as before where it is not sampled", async () => {
    const sdk = setUp({ sampler: new AlwaysOffSampler() });
    const agent = new Agent({ name: "reader", tools: [look] });
    const model = new MockProvider({
      responses: [calling(["look", { page: 1 }]), "Done."],
    });
    const { answer } = await run(
      middy,
      (context) => agent.run("What is there?", context),
      { model, options: { captureContent: true } },
    );
    expect(answer).toBe("Done.");
    expect(sdk.spans).toEqual([]);
  });

  test("that is an agent's tool has its span below the tool's", async () => {
    const sdk = setUp();
    const reader = new Agent({ name: "reader", tools: [look] });
    const boss = new Agent({
      name: "boss",
      tools: [reader.asTool({ description: "Reads a page." })],
      outputSchema: { answer: "string" },
    });
    const model = new MockProvider({
      responses: [
        calling(["reader", { query: "What is on page 1?" }]),
        calling(["look", { page: 1 }]),
        "It says hello.",
        "Hello.",
        { value: { answer: "Hello." } },
      ],
    });
    await run(middy, (context) => boss.run("Read.", context), { model });
    expect(sdk.tree()).toEqual([
      "invoke_agent boss",
      `  >${CHAT}`,
      "    attempt",
      "  execute_tool reader",
      "    invoke_agent reader",
      `      >${CHAT}`,
      "        attempt",
      "      execute_tool look",
      `      >${CHAT}`,
      "        attempt",
      `  >${CHAT}`,
      "    attempt",
      `  >${CHAT}`,
      "    attempt",
    ]);
    expect(attributesOf(sdk.span("invoke_agent boss"))).toMatchObject({
      "gen_ai.output.type": "json",
    });
  });

  test("that is a chain has a span, and so does an agent in one of its steps", async () => {
    const sdk = setUp();
    const agent = new Agent({ name: "reader", tools: [look] });
    const chain = (context: HandlerContext) =>
      new Chain({
        name: "review",
        steps: [
          new Step({ name: "summary", prompt: "Summarize." }),
          new Step({
            name: "check",
            needs: ["summary"],
            func: async () => {
              const journal = memoryJournal();
              return (await agent.run("Check.", context, { journal })).answer;
            },
          }),
          new Step({
            name: "fail",
            needs: ["check"],
            func: () => {
              throw new Error("The SECRET is out.");
            },
          }),
        ],
      });
    const { runId } = await run(middy, (context) =>
      chain(context).run(context, {}),
    );
    expect(sdk.tree()).toEqual([
      "invoke_workflow review!",
      `  >${CHAT}`,
      "    attempt",
      "  invoke_agent reader",
      `    >${CHAT}`,
      "      attempt",
    ]);
    const span = sdk.span("invoke_workflow review");
    expect(attributesOf(span)).toStrictEqual({
      "gen_ai.operation.name": "invoke_workflow",
      "gen_ai.agent.name": "review",
      "error.type": "_OTHER",
      "lambdallm.run.id": runId,
      "lambdallm.status": "failed",
    });
    expect(sdk.text()).not.toContain("SECRET");
  });
});
