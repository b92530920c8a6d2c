import { describe, expect, test } from "@jest/globals";
import { memoryStores } from "@lambdallm/core/stores";
import {
  MockLambdaContext,
  type MockResponse,
  mockModel,
} from "@lambdallm/testing";
import { printed } from "../../../test-support/quiet.ts";
import { reviewHandler } from "../src/on-store.ts";
import { review } from "../src/review.ts";

const FACTS = { parties: ["Ada", "Bob"], amounts: [], dates: ["1 May"] };

/** Answers by what is asked: three steps ask at the same time. */
const answers: MockResponse = ({ messages }) => {
  const text = JSON.stringify(messages);
  if (text.includes("List the parties")) return { value: FACTS };
  if (text.includes("Translate")) return "Eine Zusammenfassung.";
  return text.includes("briefing") ? "A briefing." : "Something.";
};

const invoke = reviewHandler({ store: memoryStores() });

const post = async (body: object): Promise<unknown> =>
  invoke(
    {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
      // An event has more, which the handler does not read.
    } as never,
    new MockLambdaContext() as never,
  );

describe("A review", () => {
  test(
    "joins summary, facts and risks into a briefing",
    mockModel({ responses: [answers] }, async (model) => {
      const response = await post({ text: "A contract." });
      expect(response).toMatchObject({ statusCode: 200 });
      expect(JSON.parse(String(Reflect.get(Object(response), "body")))).toEqual(
        {
          briefing: "A briefing.",
          costUsd: expect.any(Number),
        },
      );
      expect(model.lastPrompt).toBe(
        'Write a briefing.\n\nSummary: Something.\n\nParties: ["Ada","Bob"]\nDates: ["1 May"]\n\nRisks: Something.',
      );
    }),
  );

  test(
    "is translated when it has to be",
    mockModel({ responses: [answers] }, async (model) => {
      const response = await post({ text: "A contract.", language: "German" });
      expect(response).toMatchObject({
        body: expect.stringContaining("Eine Zusammenfassung."),
      });
      expect(model.totalCalls).toBe(5);
    }),
  );

  test(
    "refuses what is no document with 400, and asks no model",
    mockModel({ responses: [answers] }, async (model) => {
      expect(await post({ text: " " })).toMatchObject({
        statusCode: 400,
        body: "Send { text: a non-empty string, language?: a string }.",
      });
      expect(model.totalCalls).toBe(0);
      expect(printed()).toEqual([expect.stringContaining("Send { text")]);
    }),
  );

  test("is drawn in the README", () => {
    expect(review.toMermaid()).toContain("s3 -.-> s4");
  });
});
