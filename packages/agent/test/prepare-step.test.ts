import { describe, expect, test } from "@jest/globals";
import { Model } from "@lambdallm/core";
import { memoryJournal } from "@lambdallm/core/stores";
import { Agent, type PreparedStep, tool } from "../src/index.ts";
import { calling, resultsIn, withModel } from "./support.ts";

const named = (name: string) =>
  tool({ name, description: `The tool ${name}.`, run: () => name });
const tools = [named("first"), named("second")];
const namesIn = (request: { readonly tools?: readonly object[] } | undefined) =>
  (request?.tools ?? []).flatMap((one) =>
    "toolSpec" in one ? [Object(one.toolSpec).name] : [],
  );

describe("prepareStep", () => {
  test("changes model, tools and messages of one step, and is called once", async () => {
    const calls: number[] = [];
    const agent = new Agent({
      name: "a",
      tools,
      prepareStep: async ({ iteration, steps, messages }) => {
        calls.push(iteration);
        if (iteration > 1) return undefined;
        expect([steps, messages.length]).toEqual([[], 1]);
        return {
          model: Model.NOVA_LITE,
          tools: ["second"],
          messages: [{ role: "user", content: [{ text: "Other words" }] }],
        };
      },
    });
    const journal = memoryJournal();
    const script = [calling(["first", {}]), "Done."];
    const { result, model } = await withModel(script, (context) =>
      agent.run("Go.", context, { journal }),
    );
    expect(model.calls[0]?.request.model).toBe(Model.NOVA_LITE);
    expect(model.calls[0]?.prompt).toBe("Other words");
    expect(model.calls.map(({ request }) => namesIn(request))).toEqual([
      ["second"],
      ["first", "second"],
    ]);
    expect(resultsIn(model, 2)[0]?.content).toEqual([
      { text: "There is no tool of this name. The tools are: second." },
    ]);
    const again = await withModel(script, (context) =>
      agent.run("Go.", context, { journal: journal.resume() }),
    );
    expect(again.result).toEqual(result);
    expect(calls).toEqual([1, 2]);
  });

  test.each<[PreparedStep, string]>([
    [{ tools: ["third"] }, 'prepareStep: tools names the tool "third"'],
    [{ model: "" }, 'prepareStep: the option "model" must be'],
  ])("that gives %j fails", async (given, message) => {
    const agent = new Agent({ name: "a", tools, prepareStep: () => given });
    const run = withModel(["Hi."], (context) => agent.run("Go.", context));
    await expect(run).rejects.toThrow(message);
  });
});
