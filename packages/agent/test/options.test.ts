import { describe, expect, test } from "@jest/globals";
import { MockLambdaContext } from "@lambdallm/testing";
import { Agent, tool } from "../src/index.ts";
import { withModel } from "./support.ts";

const good = {
  name: "look",
  description: "Looks.",
  input: { page: "integer" },
  run: () => "",
} as const;

/** What JavaScript callers may give. */
const anyTool = (options: object) => () =>
  tool({ ...good, ...options } as typeof good);
const anyAgent = (options: object) => () =>
  new Agent({ name: "a", ...options });

describe("What is wrong with a tool is said when it is made", () => {
  test.each([
    [
      { name: "my tool" },
      'the option "name" must be 1 to 64 letters, digits, _ and -',
    ],
    [{ name: "x".repeat(65) }, 'the option "name" must be'],
    [{ name: undefined }, 'the option "name" is missing'],
    [
      { description: "  " },
      'the option "description" must be a non-empty string',
    ],
    [
      { timeoutMs: 0 },
      'tool "look": the option "timeoutMs" must be a positive integer',
    ],
    [
      { needsApproval: "yes" },
      'the option "needsApproval" must be true, false or a function',
    ],
    [{ run: undefined }, 'the option "run" is missing'],
    [{ retries: 3 }, 'there is no option "retries"'],
    [
      { input: { type: "string" } },
      'tool "look": the input must be the schema of an object',
    ],
    [{ input: 5 }, 'tool "look": input: The schema is 5'],
    [
      { input: { city: "strng" } },
      'tool "look": input: The schema has "strng" at /city',
    ],
  ])("%j", (options, message) => {
    expect(anyTool(options)).toThrow(message);
  });
});

describe("What is wrong with an agent is said when it is made", () => {
  const look = tool(good);
  test.each([
    [{ name: "an agent" }, 'the option "name" must be'],
    [
      { tools: [good] },
      'the option "tools" must be an array of what tool() and agent.asTool() return',
    ],
    [{ tools: [look, tool(good)] }, 'two of its tools are called "look"'],
    [{ tools: [look, look] }, 'two of its tools are called "look"'],
    [
      { tools: [tool({ ...good, name: "read_result" })] },
      'the name "read_result" is that of a tool which every agent has',
    ],
    [{ maxIterations: 0 }, 'the option "maxIterations" must be'],
    [{ maxCostUsd: -1 }, 'Agent "a": the option "maxCostUsd" must be'],
    [
      { stopAfterTool: "fly" },
      'stopAfterTool names the tool "fly", which it does not have. Its tools: none.',
    ],
    [
      { stopAfterTool: 5 },
      'the option "stopAfterTool" must be a name or an array of names',
    ],
    [
      { cache: { ttl: "2h" } },
      'the option "cache" must be true, false or { ttl: "5m" | "1h" }',
    ],
    [{ outputSchema: "text" }, 'Agent "a": outputSchema: The schema is "text"'],
    [{ system: "You" }, 'there is no option "system"'],
  ])("%j", (options, message) => {
    expect(anyAgent(options)).toThrow(message);
  });

  test("as a tool of another one", () => {
    const agent = new Agent({ name: "a" });
    expect(() => agent.asTool({ description: "" })).toThrow(
      'the option "description" must be',
    );
  });
});

describe("What is wrong with a run is said before the model is called", () => {
  const agent = new Agent({ name: "a" });
  test.each([
    ["a blank question", " "],
    ["no blocks", []],
    ["no question", undefined],
    ["an object", { question: "Hi" }],
  ])("%s", async (_what, question) => {
    const run = withModel(["Hi."], (context) =>
      agent.run(question as string, context),
    );
    await expect(run).rejects.toMatchObject({
      code: "CONFIGURATION",
      message:
        "agent.run: the question must be a text that is not blank, or at least one content block.",
    });
  });

  test.each([
    [{ session: {} }, 'the option "session" must be a session'],
    [{ journal: {} }, 'the option "journal" must be a journal'],
    [{ maxIterations: 3 }, 'there is no option "maxIterations"'],
  ])("%j", async (options, message) => {
    const run = withModel(["Hi."], (context) =>
      agent.run("Hi", context, options as object),
    );
    await expect(run).rejects.toThrow(message);
  });

  test("a context without a provider", async () => {
    await expect(agent.run("Hi", new MockLambdaContext())).rejects.toThrow(
      "No model provider is in use here: add .use(bedrock()) before agent.run",
    );
  });

  test("options that are none", async () => {
    const none = null as unknown as object;
    const run = withModel(
      ["Hi."],
      (context) => agent.stream("Hi", context, none).result,
    );
    await expect(run).rejects.toThrow("the options must be an object");
  });

  test("a schema of a tool that is none", async () => {
    const odd = new Agent({
      name: "a",
      tools: [
        tool({
          name: "odd",
          description: "Odd.",
          input: {
            type: "object",
            properties: { a: { type: "object", minProperties: -1 } },
          },
          run: () => "",
        }),
      ],
    });
    const run = withModel(["Hi."], (context) => odd.run("Hi", context));
    await expect(run).rejects.toMatchObject({ code: "CONFIGURATION" });
  });
});
