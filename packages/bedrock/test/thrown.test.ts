import { inspect } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import {
  ConfigurationError,
  type LLMContext,
  Model,
  ModelInvocationError,
} from "@lambdallm/core";
import { MockLambdaContext } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { failureOf, invocation, start } from "./support.ts";

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

const oddities: readonly (readonly [string, unknown])[] = [
  ["null", null],
  ["undefined", undefined],
  ["a text", "my secret"],
  ["a number", 5],
  ["a symbol", Symbol("odd")],
  ["an object without prototype", Object.create(null)],
  ["a frozen object", Object.freeze({ name: "Odd", message: "my secret" })],
  ["an object whose fields throw", revoked()],
  ["an error with an odd name", Object.assign(new Error("no"), { name: 5 })],
  ["an error without a message", new Error("")],
];

describe.each(middyMajors)("Whatever is thrown on %s", (_, middy) => {
  /** Calls over a client that throws. */
  const callOver = async (
    thrown: unknown,
    call: (context: LLMContext) => Promise<unknown>,
  ) => {
    // Of a client the suite knows its Region, and that it sends.
    const client = {
      config: { region: async () => "us-east-1" },
      send: async () => {
        throw thrown;
      },
    };
    const handler = middy()
      .use(bedrock({ client: client as never }))
      .handler(async (_event, context) => {
        await call(context);
      });
    return failureOf(handler({}, new MockLambdaContext()));
  };

  test.each(oddities)(
    "by a client, %s becomes the typed error",
    async (_what, thrown) => {
      for (const call of [
        async (context: LLMContext) => context.invoke("Hello"),
        async (context: LLMContext) => context.stream("Hello").started,
        async (context: LLMContext) =>
          context.countTokens({
            messages: [{ role: "user", content: [{ text: "Hello" }] }],
          }),
      ]) {
        const error = await callOver(thrown, call);
        expect(ModelInvocationError.isInstance(error)).toBe(true);
        expect(error).toMatchObject({ reason: "unknown", retryable: false });
        expect(error.cause).toBeDefined();
        expect(inspect(error)).not.toContain("Hello");
      }
    },
  );

  test("and says that the set-up is wrong stays what it is", async () => {
    const thrown = new ConfigurationError("The credentials file is empty.");
    expect(await callOver(thrown, (context) => context.invoke("Hello"))).toBe(
      thrown,
    );
  });

  test("with the name of a service's error is read as one", async () => {
    const thrown = Object.freeze({ name: "ThrottlingException" });
    const error = await callOver(thrown, (context) => context.invoke("Hello"));
    expect(error).toMatchObject({
      reason: "throttled",
      serviceError: "ThrottlingException",
    });
  });

  test.each(oddities)(
    "by an observer, %s reaches the caller as it is, and the usage is kept",
    async (_what, thrown) => {
      const local = await start({ respond: () => "a few words of text" });
      const seen: { caught?: { readonly error: unknown } } = {};
      const usage = await invocation(local, async (context) => {
        try {
          await context.converse({
            messages: [{ role: "user", content: [{ text: "Hello" }] }],
            onDelta: () => {
              throw thrown;
            },
          });
        } catch (error) {
          seen.caught = { error };
        }
        return context.usage;
      });
      await local.close();
      expect(seen.caught).toBeDefined();
      expect(Object.is(seen.caught?.error, thrown)).toBe(true);
      expect(usage.inputTokens).toBeGreaterThan(0);
      expect(usage.outputTokens).toBeGreaterThan(0);
    },
  );

  test("on the way to the service says itself what it is", async () => {
    const local = await start();
    const error = await failureOf(
      invocation(local, (context) =>
        context.converse({
          model: Model.MISTRAL_7B,
          messages: [{ role: "user", content: [{ text: "Hello" }] }],
          tools: [
            {
              toolSpec: {
                name: "f",
                inputSchema: { json: { type: "object" } },
              },
            },
          ],
        }),
      ),
    );
    expect(error).toMatchObject({ reason: "capability", billed: "none" });
    expect(error.message).toContain("has no tools");
    expect(local.requests).toHaveLength(0);
    await local.close();
  });
});
