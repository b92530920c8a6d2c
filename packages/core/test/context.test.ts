import { describe, expect, test } from "@jest/globals";
import {
  ConfigurationError,
  type ConverseRequest,
  GuardrailError,
  InvocationTimeoutError,
  type LLMContext,
  Model,
} from "@lambdallm/core";
import { providerMiddleware, systemBlocks } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { PRICED, rejection, run } from "./support.ts";

const user = (text: string): ConverseRequest["messages"][number] => ({
  role: "user",
  content: [{ text }],
});

describe.each(middyMajors)("the context on %s", (_name, middy) => {
  const ask = async (
    handler: (context: LLMContext) => Promise<unknown>,
    model = new MockProvider({ responses: ["answer"] }),
  ) => run(middy, [model.middleware()], handler);

  describe("invoke", () => {
    test("fills the prompt, sends it as a user message and returns the text", async () => {
      const model = new MockProvider({ responses: ["Bonjour"] });
      const text = await ask(
        async (context) => context.invoke("Say {what}", { what: "hello" }),
        model,
      );
      expect(text).toBe("Bonjour");
      expect(model.calls[0]?.request.messages).toEqual([user("Say hello")]);
      expect(model.calls[0]?.request.model).toBe(Model.CLAUDE_HAIKU_4_5);
    });

    test("sends the options of the call", async () => {
      const model = new MockProvider();
      const bedrock = { serviceTier: { type: "flex" } };
      const options = {
        model: Model.NOVA_LITE,
        maxTokens: 5,
        topP: 0.5,
        stopSequences: ["END"],
        tags: { feature: "test" },
        bedrock,
      };
      await ask(
        async ({ invoke }) =>
          invoke("Hello", undefined, { ...options, system: "Be brief." }),
        model,
      );
      expect(model.calls[0]?.request).toMatchObject({
        ...options,
        system: [{ text: "Be brief." }],
      });
    });

    test.each([
      ["the time is over", "timeout", InvocationTimeoutError],
      ["a guardrail intervened", "guardrail_intervened", GuardrailError],
      ["a filter intervened", "content_filtered", GuardrailError],
    ])(
      "fails when %s, and keeps what had arrived",
      async (_what, stopReason, type) => {
        const model = new MockProvider({
          responses: [{ text: "Once", stopReason }],
        });
        const error = await rejection(
          ask(async ({ invoke }) => invoke("Tell"), model),
        );
        expect(error).toBeInstanceOf(type);
        expect(error).toMatchObject(
          stopReason === "timeout"
            ? { partial: { text: "Once" } }
            : {
                response: { text: "Once" },
                model: Model.CLAUDE_HAIKU_4_5,
                stopReason,
              },
        );
      },
    );

    test.each([
      ["empty", "", undefined],
      ["blank", " \n", undefined],
      ["blank once it is filled in", "{text}", { text: "  " }],
    ])(
      "refuses a prompt that is %s",
      async (_what, prompt: string, variables) => {
        const model = new MockProvider();
        const error = await rejection(
          ask(async ({ invoke }) => invoke(prompt, variables), model),
        );
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(error).toHaveProperty(
          "message",
          "invoke: the prompt is empty once its variables are filled in.",
        );
        expect(model.totalCalls).toBe(0);
      },
    );

    test.each([
      ["a prompt that is no string", [{ text: "Hello" }], "must be a string"],
      [
        "options in the place of variables",
        ["Hello", { maxTokens: 5 }],
        '"maxTokens"',
      ],
      [
        "an option that does not exist",
        ["Hello", {}, { maxToken: 5 }],
        'no option "maxToken"',
      ],
      [
        "a negative temperature",
        ["Hello", {}, { temperature: -1 }],
        '"temperature" must be',
      ],
      [
        "a signal that is none",
        ["Hello", {}, { signal: {} }],
        '"signal" must be',
      ],
      ["null as options", ["Hello", {}, null], "the options must be an object"],
      [
        "null as variables",
        ["Hello {name}", null],
        "variables must be an object",
      ],
    ])("refuses %s", async (_what, args, message) => {
      for (const method of ["invoke", "stream"] as const) {
        const error = await rejection(
          ask(async (context) => {
            // Only JavaScript can give these.
            const given = args as [string];
            return method === "stream"
              ? context.stream(...given).response
              : context.invoke(...given);
          }),
        );
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(error).toHaveProperty(
          "message",
          expect.stringContaining(message),
        );
      }
    });
  });

  describe("the settings of a request", () => {
    const defaults = {
      model: PRICED,
      maxTokens: 100,
      temperature: 0.7,
      system: [{ text: "Default." }],
    };

    const sent = async (options: object) => {
      const model = new MockProvider();
      await run(
        middy,
        [providerMiddleware({ provider: model, defaults })],
        async ({ invoke }) => invoke("Hello", undefined, options),
      );
      return model.calls[0]?.request;
    };

    test("come from the provider's defaults", async () => {
      expect(await sent({})).toMatchObject(defaults);
    });

    test("are replaced by the call's, 0 included", async () => {
      const system = [{ text: "Mine." }, { cachePoint: { type: "default" } }];
      expect(await sent({ temperature: 0, topP: 0, system })).toMatchObject({
        ...defaults,
        temperature: 0,
        topP: 0,
        system,
      });
    });

    test("are inherited where the call's are undefined", async () => {
      const options = {
        model: undefined,
        maxTokens: undefined,
        system: undefined,
      };
      expect(await sent(options)).toMatchObject(defaults);
      expect(await sent({ topP: undefined })).not.toHaveProperty("topP");
    });

    test("leave the defaults as they are", async () => {
      await sent({ temperature: 0 });
      expect(defaults.temperature).toBe(0.7);
    });
  });
});

describe("systemBlocks", () => {
  test("makes one block of a string and keeps blocks as they are", () => {
    const blocks = [{ text: "a" }];
    expect(systemBlocks("a")).toEqual(blocks);
    expect(systemBlocks(blocks)).toBe(blocks);
  });
});
