import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, test } from "@jest/globals";
import { ModelInvocationError, toResponseBody } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockProvider, type MockResponse } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { type HandlerContext, PRICED, run } from "./support.ts";

const broken = new ModelInvocationError("The stream broke off.", {
  reason: "interrupted",
  model: PRICED,
});

async function* generated<T>(...chunks: readonly T[]) {
  yield* chunks;
}

describe.each(middyMajors)("toResponseBody on %s", (_name, middy) => {
  const respond = async (
    handler: (context: HandlerContext) => unknown,
    answer: MockResponse = "Once upon a time",
  ) => {
    const model = new MockProvider({ responses: [answer] });
    const response = await run(middy, [model.middleware()], async (context) => {
      invocationOf(context).events.on("body-error", () => {});
      return handler(context) as { headers?: object; body: Readable };
    });
    return { ...response, body: await text(response.body) };
  };

  describe("leaves the headers of the response", () => {
    test.each([
      ["content-type", "application/json; charset=utf-8"],
      ["Content-Type", "text/plain"],
      ["CONTENT-TYPE", "text/html"],
    ])("with %s: %s", async (name, value) => {
      const headers = { "x-a": "b", [name]: value };
      const response = await respond(() => ({
        headers,
        body: toResponseBody(generated("a"), { format: "sse" }),
      }));
      expect(response.headers).toEqual(headers);
    });

    test("whose type is another's, and writes a failure in the body's own", async () => {
      const { body } = await respond(
        ({ stream }) => ({
          headers: { "content-type": "text/plain" },
          body: toResponseBody(stream("Tell"), { format: "ndjson" }),
        }),
        broken,
      );
      expect(body).toBe(
        '{"error":{"code":"MODEL_INVOCATION","message":"The stream broke off."}}\n',
      );
    });

    test.each([
      ["none", undefined, {}],
      ["null", null, {}],
      ["others", { "x-a": "b" }, { "x-a": "b" }],
      ["one that is undefined", { "Content-Type": undefined }, {}],
      ["Headers", new Headers({ "X-A": "b" }), { "x-a": "b" }],
    ])("and adds the type to %s", async (_what, headers, others) => {
      const response = await respond(() => ({
        headers,
        body: toResponseBody(generated("a"), { format: "sse" }),
      }));
      expect(response.headers).toEqual({
        ...others,
        "content-type": "text/event-stream",
      });
    });

    test("that are Headers as the runtime can send them", async () => {
      const response = await respond(() => ({
        headers: new Headers({ "X-A": "b", "Content-Type": "text/html" }),
        body: toResponseBody(generated("a"), { format: "sse" }),
      }));
      expect(response.headers).toEqual({
        "x-a": "b",
        "content-type": "text/html",
      });
    });

    test("alone where the body is no such body", async () => {
      const headers = { "x-a": "b" };
      const response = await respond(({ stream }) => ({
        headers,
        body: stream("Tell"),
      }));
      expect(response.headers).toBe(headers);
    });
  });
});
