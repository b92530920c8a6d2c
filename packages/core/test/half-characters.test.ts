import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "@jest/globals";
import {
  type ContentBlock,
  type Delta,
  ModelInvocationError,
  toResponseBody,
} from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  before,
  PRICED,
  providerOf,
  rejection,
  run,
} from "./support.ts";

const messages = [{ role: "user", content: [{ text: "Hi" }] }] as const;
const FIRST_HALF = /[\ud800-\udbff]$/;

/** An answer in these deltas, by whatever provider. */
const writing = (deltas: readonly Delta[], end = async () => {}) =>
  providerOf(async ({ onDelta }) => {
    for (const delta of deltas) onDelta?.(delta);
    await end();
    return answerOf("");
  });

describe.each(middyMajors)("half a character on %s", (_name, middy) => {
  test.each(["text", "sse", "ndjson"] as const)(
    "reaches the client of a body in the format %s with its other half",
    async (format) => {
      const pieces = ["Hi \ud83d", "\ude00", "\ud83d", "\ude00!\ud83d"];
      const model = new MockProvider({ responses: [{ pieces }] });
      const response = await run(
        middy,
        [model.middleware()],
        async ({ stream }) => ({
          body: toResponseBody(stream("Hi"), { format }) as unknown as Readable,
        }),
      );
      const body = (await buffer(response.body)).toString();
      const texts = ["Hi ", "😀", "😀!", "\ud83d"];
      // A half that has no other one has no UTF-8 form.
      expect(body).toBe(
        {
          text: "Hi 😀😀!\ufffd",
          sse: `${texts.map((text) => `data: ${JSON.stringify({ text })}\n\n`).join("")}event: done\ndata: {"stopReason":"end_turn"}\n\n`,
          ndjson: `${texts.map((text) => `${JSON.stringify({ text })}\n`).join("")}{"done":{"stopReason":"end_turn"}}\n`,
        }[format],
      );
    },
  );

  test("reaches the client whole in a body that a handler writes itself", async () => {
    async function* body() {
      yield "Hi \ud83d";
      yield "\ude00";
      yield "\ud83d";
    }
    const response = await run(
      middy,
      [new MockProvider().middleware()],
      async () => ({ body: body() as unknown as Readable }),
    );
    expect((await buffer(response.body)).toString()).toBe("Hi 😀\ufffd");
  });

  test("is not in a growing value either, written out or escaped", async () => {
    const json = JSON.stringify({ title: "😀 and \\ud83d" });
    const escaped = `{"title":"\\ud83d\\ude00"}`;
    for (const text of [json, escaped]) {
      const pieces = text.split("");
      const content: ContentBlock[] = [{ text }];
      const model = new MockProvider({ responses: [{ pieces, content }] });
      await run(middy, [model.middleware()], async (context) => {
        const stream = context.streamStructured("Hi", { title: "string" });
        for await (const { title = "" } of stream)
          expect(title).not.toMatch(FIRST_HALF);
        expect(await stream.object).toEqual(JSON.parse(text));
      });
    }
  });

  test("that a failed attempt ends in is shown to nobody, so that the call can be repeated", async () => {
    const failure = new ModelInvocationError("The stream broke off.", {
      reason: "interrupted",
      model: PRICED,
    });
    const half: Delta = { kind: "text", text: "\ud83d" };
    const provider = writing([half], async () => {
      throw failure;
    });
    const seen: Delta[] = [];
    const error = await run(middy, [provider], ({ converse }) =>
      rejection(
        converse({ messages, onDelta: (delta) => void seen.push(delta) }),
      ),
    );
    expect(error).toBe(failure);
    expect(seen).toEqual([]);
  });

  test("that an observer refuses at the very end fails the call, and its usage counts", async () => {
    const provider = writing([{ kind: "text", text: "\ud83d" }]);
    const events: string[] = [];
    const listening = before(async ({ context }) => {
      const { events: emitter } = invocationOf(context);
      emitter.on("attempt-end", () => void events.push("attempt-end"));
      emitter.on("attempt-error", () => void events.push("attempt-error"));
    });
    await run(middy, [provider, listening], async (context) => {
      const onDelta = () => {
        throw "mine";
      };
      expect(await rejection(context.converse({ messages, onDelta }))).toBe(
        "mine",
      );
      expect(context.metrics).toMatchObject({
        failedAttempts: 1,
        usage: answerOf("").usage,
      });
      expect(context.usage.estimated).toBeUndefined();
    });
    expect(events).toEqual(["attempt-error"]);
  });
});
