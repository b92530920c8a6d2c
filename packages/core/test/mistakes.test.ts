import { describe, expect, jest, test } from "@jest/globals";
import { invocationOf } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { rejection, run } from "./support.ts";

describe.each(middyMajors)(
  "an interceptor's mistakes on %s",
  (_name, middy) => {
    test.each([
      ["nothing", async () => undefined],
      ["null", async () => null],
      ["a text", async () => "hello"],
      ["another object", async () => ({ text: "hello" })],
    ])("returning %s is told by its name", async (_what, careless) => {
      await run(middy, [new MockProvider().middleware()], async (context) => {
        invocationOf(context).intercept("call", "careless", careless as never);
        expect(await rejection(context.invoke("Hi"))).toMatchObject({
          name: "ConfigurationError",
          message:
            'The interceptor "careless" did not return a response: return what next(request) gives.',
        });
      });
    });

    test.each([
      ["an unknown stage", ["retri", "mine", async () => undefined]],
      ["no name", ["call", async () => undefined]],
    ])("%s is refused when it is added", async (_what, args) => {
      await run(middy, [new MockProvider().middleware()], async (context) => {
        const invocation = invocationOf(context);
        expect(() =>
          Reflect.apply(invocation.intercept, invocation, args),
        ).toThrow(
          'intercept takes a stage ("call", "retry", "limit" or "attempt"), a name and a function.',
        );
      });
    });
  },
);

describe.each(middyMajors)("a forgotten await on %s", (_name, middy) => {
  test("is told by a process warning", async () => {
    const warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
    const model = new MockProvider({
      responses: [{ text: "late", delayMs: 60_000 }],
    });
    await run(middy, [model.middleware()], async (context) => {
      context.invoke("Hi");
      return "done";
    });
    expect(warnings.mock.calls).toEqual([
      [
        "Model calls were aborted because the invocation ended: 1 were still running; await them",
        "LambdaLLMWarning",
      ],
    ]);
    warnings.mockRestore();
  });

  test("of messages that are none is refused by name", async () => {
    await run(middy, [new MockProvider().middleware()], async (context) => {
      expect(await rejection(context.converse({} as never))).toMatchObject({
        message: "converse: messages must be an array of { role, content }.",
      });
    });
  });
});

describe.each(middyMajors)("a prompt on %s", (_name, middy) => {
  const source = {
    format: ({ name }: { name: string }) => `Hi ${name}`,
    callOptions: { maxTokens: 5, temperature: 0.7, tags: { prompt: "greet" } },
  };

  test("brings its settings, which a call may override; tags of both count", async () => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async (context) => {
      await context.invoke(source, { name: "Ada" });
      await context.invoke(
        source,
        { name: "Ada" },
        { temperature: 0, maxTokens: undefined, tags: { call: "b" } },
      );
      await context.invoke({ ...source, callOptions: {} }, { name: "Ada" });
    });
    expect(model.calls.map(({ request }) => request)).toMatchObject([
      { maxTokens: 5, temperature: 0.7, tags: { prompt: "greet" } },
      { maxTokens: 5, temperature: 0, tags: { prompt: "greet", call: "b" } },
      { messages: [{ content: [{ text: "Hi Ada" }] }] },
    ]);
    expect(model.calls[2]?.request).not.toHaveProperty("tags");
  });

  test("without variables needs none", async () => {
    const model = new MockProvider();
    await run(middy, [model.middleware()], async (context) =>
      context.invoke({ format: () => "Hi", callOptions: {} }),
    );
    expect(model.lastPrompt).toBe("Hi");
  });

  test.each([undefined, null, 5, {}])(
    "must be a string or a Prompt, not %j",
    async (prompt) => {
      await run(middy, [new MockProvider().middleware()], async (context) => {
        expect(
          await rejection(context.invoke(prompt as unknown as string)),
        ).toMatchObject({
          message: "invoke: the prompt must be a string or a Prompt.",
        });
      });
    },
  );
});

describe.each(middyMajors)("options that are null on %s", (_name, middy) => {
  test.each(["invoke", "invokeStructured"] as const)(
    "are a rejection of %s",
    async (method) => {
      await run(middy, [new MockProvider().middleware()], async (context) => {
        const before = method === "invoke" ? ["Hi", {}] : ["Hi", {}, {}];
        // From JavaScript, everything can be null.
        const call = context[method] as unknown as (
          ...given: unknown[]
        ) => Promise<unknown>;
        expect(await rejection(call(...before, null))).toMatchObject({
          name: "ConfigurationError",
          message: `${method}: the options must be an object.`,
        });
      });
    },
  );
});
