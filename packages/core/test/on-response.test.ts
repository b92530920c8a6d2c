import { describe, expect, test } from "@jest/globals";
import type { ModelResponse } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import {
  MockLambdaContext,
  MockProvider,
  type MockResponse,
} from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { type HandlerContext, rejection, run } from "./support.ts";

describe.each(middyMajors)("onResponse on %s", (_name, middy) => {
  const messages = [{ role: "user", content: [{ text: "Hi" }] }] as const;
  const seen: ModelResponse[] = [];
  const onResponse = (response: ModelResponse) => {
    seen.push(response);
  };
  const model = (...responses: readonly MockResponse[]) =>
    new MockProvider({ responses }).middleware();

  test.each([
    ["invoke", async ({ invoke }) => invoke("Hi", undefined, { onResponse })],
    [
      "stream",
      async ({ stream }) =>
        (await stream("Hi", undefined, { onResponse }).response).text,
    ],
    [
      "converse",
      async ({ converse }) => (await converse({ messages, onResponse })).text,
    ],
  ] satisfies readonly (readonly [
    string,
    (context: HandlerContext) => Promise<string>,
  ])[])("sees the response of %s", async (_method, call) => {
    seen.length = 0;
    const cut = { text: "So far", stopReason: "max_tokens" };
    expect(await run(middy, [model(cut)], call)).toBe("So far");
    expect(seen).toMatchObject([{ ...cut, attempts: 1 }]);
  });

  test("sees every answer that a structured call takes", async () => {
    seen.length = 0;
    await run(
      middy,
      [model("not JSON", { value: { year: 1999 } })],
      async ({ invokeStructured }) =>
        invokeStructured("When?", { year: "int" }, undefined, { onResponse }),
    );
    expect(seen.map(({ text }) => text)).toEqual(["not JSON", '{"year":1999}']);
  });

  test("sees an answer that becomes an error", async () => {
    seen.length = 0;
    const context = new MockLambdaContext({ timeoutMs: 500 });
    const error = await run(
      middy,
      [model("late")],
      async (given) => rejection(given.invoke("Hi", undefined, { onResponse })),
      context,
    );
    expect(error).toMatchObject({ code: "INVOCATION_TIMEOUT" });
    expect(seen).toMatchObject([{ stopReason: "timeout" }]);
  });

  test("is not called for a call that failed", async () => {
    seen.length = 0;
    await run(middy, [model(new Error("no"))], async ({ invoke }) =>
      rejection(invoke("Hi", undefined, { onResponse })),
    );
    expect(seen).toEqual([]);
  });

  test("fails the call with what it throws, and no event says that the model did", async () => {
    const events: string[] = [];
    const mine = new Error("mine");
    await run(middy, [model("Hi")], async (context) => {
      const { events: emitter } = invocationOf(context);
      emitter.on("call-error", () => void events.push("call-error"));
      emitter.on("call-end", () => void events.push("call-end"));
      const call = context.invoke("Hi", undefined, {
        onResponse: () => {
          throw mine;
        },
      });
      expect(await rejection(call)).toBe(mine);
    });
    expect(events).toEqual(["call-end"]);
  });

  test("must be a function", async () => {
    await run(middy, [model("Hi")], async ({ invoke }) => {
      const call = invoke("Hi", undefined, { onResponse: "log" as never });
      expect(await rejection(call)).toMatchObject({
        message: 'invoke: the option "onResponse" must be a function.',
      });
    });
  });
});
