import { describe, expect, test } from "@jest/globals";
import {
  ConfigurationError,
  type ConverseRequest,
  type LLMContext,
} from "@lambdallm/core";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { answerOf, providerOf, rejection, run } from "./support.ts";

const user = (text: string): ConverseRequest["messages"][number] => ({
  role: "user",
  content: [{ text }],
});

describe.each(middyMajors)("the context on %s", (_name, middy) => {
  const ask = async (handler: (context: LLMContext) => Promise<unknown>) =>
    run(middy, [new MockProvider().middleware()], handler);

  describe("converse", () => {
    const tools = [
      { toolSpec: { name: "now", inputSchema: { json: { type: "object" } } } },
    ];

    test("returns the whole response whatever its stop reason", async () => {
      const model = new MockProvider({
        responses: [{ text: "Nothing.", stopReason: "guardrail_intervened" }],
      });
      const response = await run(
        middy,
        [model.middleware()],
        async ({ converse }) =>
          converse({ messages: [user("Hi")], tools, toolChoice: { auto: {} } }),
      );
      expect(response).toMatchObject({
        text: "Nothing.",
        stopReason: "guardrail_intervened",
        attempts: 1,
      });
      expect(model.calls[0]?.request).toMatchObject({
        tools,
        toolChoice: { auto: {} },
      });
    });

    test.each([
      ["no messages", { messages: [] }, "messages is empty"],
      [
        "messages that are no array",
        { messages: "Hi" },
        '"messages" must be an array',
      ],
      [
        "null as a message",
        { messages: [null] },
        "messages[0].content must be",
      ],
      [
        "a message without content",
        { messages: [user("a"), { role: "user" }] },
        "messages[1].content must be",
      ],
      [
        "empty content",
        { messages: [{ role: "user", content: [] }] },
        "messages[0].content must be",
      ],
      [
        "a string as a block",
        { messages: [{ role: "user", content: ["a"] }] },
        "messages[0].content[0] must be an object",
      ],
      [
        "null as a block",
        { messages: [{ role: "user", content: [null] }] },
        "messages[0].content[0] must be an object",
      ],
      [
        "a blank text",
        {
          messages: [{ role: "user", content: [{ text: "a" }, { text: " " }] }],
        },
        "messages[0].content[1].text must be",
      ],
      [
        "a text that is none",
        { messages: [{ role: "user", content: [{ text: 1 }] }] },
        "messages[0].content[0].text must be",
      ],
      [
        "an unknown field",
        { messages: [user("a")], prompt: "a" },
        'no option "prompt"',
      ],
    ])("refuses %s", async (_what, request, message) => {
      for (const method of ["converse", "countTokens"] as const) {
        const error = await rejection(
          ask(async (context) => context[method](request as ConverseRequest)),
        );
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(error).toHaveProperty(
          "message",
          expect.stringContaining(`${method}: `),
        );
        expect(error).toHaveProperty(
          "message",
          expect.stringContaining(message),
        );
      }
    });

    test("lets blocks through that it does not know", async () => {
      const model = new MockProvider();
      const content = [
        { image: { format: "png", source: { bytes: new Uint8Array(3) } } },
      ];
      await run(middy, [model.middleware()], async ({ converse }) =>
        converse({ messages: [{ role: "user", content }] }),
      );
      expect(model.calls[0]?.request.messages[0]?.content).toBe(content);
    });
  });

  describe("countTokens", () => {
    test("asks the provider and is no model call", async () => {
      const model = new MockProvider();
      const tokens = await run(middy, [model.middleware()], async (context) => {
        const counted = await context.countTokens({
          messages: [user("x".repeat(40))],
        });
        return [counted, context.metrics.calls];
      });
      expect(tokens).toEqual([10, 0]);
    });

    test("names a provider that cannot count", async () => {
      const error = await rejection(
        run(middy, [providerOf(async () => answerOf("a"))], async (context) =>
          context.countTokens({ messages: [user("Hi")] }),
        ),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty(
        "message",
        'The provider "test" cannot count tokens.',
      );
    });
  });

  describe("getRawClient", () => {
    test("hands out the provider's client for a service", async () => {
      const rawClient = (service?: string) => ({
        client: service ?? "default",
      });
      const provider = providerOf(async () => answerOf("a"), { rawClient });
      const clients = await run(middy, [provider], async (context) => [
        context.getRawClient(),
        context.getRawClient("bedrock"),
      ]);
      expect(clients).toEqual([{ client: "default" }, { client: "bedrock" }]);
    });

    test("names a provider that has none", async () => {
      const error = await rejection(
        ask(async (context) => context.getRawClient()),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toHaveProperty(
        "message",
        'The provider "mock" cannot hand out a client.',
      );
    });
  });
});
