import { describe, expect, test } from "@jest/globals";
import { Agent, tool } from "@lambdallm/agent";
import { chain } from "@lambdallm/chain";
import checkpoint from "@lambdallm/checkpoint";
import type { JsonValue } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import { middyMajors } from "../../../test-support/middy.ts";
import { functionOf } from "./support.ts";

const calling = (...calls: readonly (readonly [string, JsonValue])[]) => ({
  content: calls.map(([name, input], index) => ({
    toolUse: { toolUseId: `${name}-${index}`, name, input },
  })),
});

const look = tool({
  name: "look",
  description: "Looks at a page.",
  input: { page: "integer" },
  run: ({ page }) => `This is page ${page}.`,
});
const broken = tool({
  name: "broken",
  description: "Never works.",
  input: { why: "string?" },
  run: () => {
    throw new Error("no");
  },
});
const agent = new Agent({ name: "reader", tools: [look, broken] });

describe.each(middyMajors)("metrics() on %s", (_name, middy) => {
  test("counts the tools, the iterations and the steps of an agent", async () => {
    const { invoke, written } = functionOf(
      async (context) => agent.run("Read.", context),
      {
        middy,
        responses: [
          calling(["look", { page: 1 }], ["broken", {}]),
          "It says hello.",
        ],
        options: { dimensions: ["agent", "tool", ["agent", "tool"], "step"] },
      },
    );
    await invoke();
    const { metrics } = written;
    expect(metrics).toMatchObject({
      "Calls{}": [1, 1],
      "Calls{agent=reader}": [1, 1],
      "Iterations{}": [2],
      "Iterations{agent=reader}": [2],
      "ToolCalls{tool=look}": [1],
      "ToolCalls{agent=reader,tool=broken}": [1],
      "ToolErrors{}": [1],
      "ToolErrors{tool=broken}": [1],
    });
    expect(metrics["ToolCalls{}"]).toEqual([1, 1]);
    expect(metrics["Steps{}"]).toEqual([1, 1, 1, 1]);
    expect(metrics["Steps{step=look}"]).toEqual([1]);
    expect(metrics).not.toHaveProperty("ToolErrors{tool=look}");
  });

  test("counts no iterations of an agent that fails", async () => {
    const failing = new Agent({ name: "failing", tools: [look] });
    const { invoke, written } = functionOf(
      async (context) =>
        failing.run("Read.", context).catch(() => "it has failed"),
      { middy, responses: [new Error("no")] },
    );
    expect(await invoke()).toBe("it has failed");
    expect(written.metrics).toMatchObject({ "Errors{}": [1] });
    expect(written.metrics).not.toHaveProperty("Iterations{}");
  });

  test("counts the calls of a chain by its name", async () => {
    const review = chain("review").step({
      ...{ name: "read", prompt: "Read: {text}" },
    });
    const { invoke, written } = functionOf(
      async (context) => review.run(context, { text: "Hello" }),
      { middy, options: { dimensions: ["chain", "step"] } },
    );
    await invoke();
    expect(written.metrics).toMatchObject({
      "Calls{chain=review}": [1],
      "Steps{step=read}": [1],
    });
  });

  test("counts runs that are suspended and resumed, and each step once", async () => {
    let time = Date.UTC(2026, 10, 28, 12);
    const now = () => time;
    const { invoke, written } = functionOf(
      async ({ journal }) => {
        await journal.step("first", async () => 1);
        await journal.sleep("nap", 3_600_000);
        return journal.step("second", async () => 2);
      },
      { middy, inner: [checkpoint({ store: memoryStores({ now }), now })] },
    );
    const suspended: unknown = await invoke();
    expect(written.overall).toEqual({ Steps: [1], RunsSuspended: [1] });
    time += 3_600_000;
    const { body } = suspended as { body: string };
    await invoke(JSON.parse(body));
    expect(written.overall).toEqual({
      ...{ Steps: [1, 1], RunsSuspended: [1], RunsResumed: [1] },
    });
  });

  test("counts a suspended operation when it has come to its end", async () => {
    const waiting = new Agent({
      name: "waiting",
      tools: [
        tool({
          name: "send",
          description: "Sends it.",
          input: { to: "string" },
          needsApproval: true,
          run: () => "sent",
        }),
      ],
    });
    const { invoke, written } = functionOf(
      async (context) => waiting.run("Send it.", context),
      {
        middy,
        responses: [calling(["send", { to: "Ada" }])],
        inner: [checkpoint({ store: memoryStores() })],
      },
    );
    await invoke();
    expect(written.overall).toMatchObject({
      ...{ Calls: [1], RunsSuspended: [1] },
    });
    expect(written.overall).not.toHaveProperty("Iterations");
    expect(written.overall).not.toHaveProperty("ToolCalls");
  });

  test("counts nothing of an agent that is only read again", async () => {
    const inner = new Agent({ name: "inner" }).asTool({
      description: "Helps.",
    });
    const outer = new Agent({ name: "outer", tools: [inner] });
    const { invoke, written } = functionOf(
      async (context) => {
        await outer.run("Read.", context);
        await context.journal.ask("approval", async () => undefined);
      },
      {
        middy,
        responses: [calling(["inner", { query: "Help." }]), "Helped.", "Done."],
        inner: [checkpoint({ store: memoryStores() })],
      },
    );
    const suspended: unknown = await invoke();
    const { Iterations, ToolCalls } = written.overall;
    expect({ Iterations, ToolCalls }).toEqual({
      ...{ Iterations: [1, 2], ToolCalls: [1] },
    });
    const { body } = suspended as { body: string };
    await invoke(JSON.parse(body));
    expect(written.overall).toMatchObject({
      ...{ Iterations, ToolCalls, RunsResumed: [1], RunsSuspended: [1, 1] },
    });
  });
});
