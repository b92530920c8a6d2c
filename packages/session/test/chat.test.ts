import { describe, expect, test } from "@jest/globals";
import { memoryStores } from "@lambdallm/core";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { asked, run, stored, storedMessages } from "./support.ts";

describe.each(middyMajors)("chat on %s", (_name, middy) => {
  test("answers with the history of earlier invocations in mind", async () => {
    const store = memoryStores();
    const model = new MockProvider({ responses: ["Hello, Ada!", "Ada."] });
    const options = { middy, store, model };
    expect(await run(({ chat }) => chat("I am Ada."), options)).toBe(
      "Hello, Ada!",
    );
    expect(await run(({ chat }) => chat("Who am I?"), options)).toBe("Ada.");
    expect(asked(model)).toEqual([
      "user: I am Ada.",
      "assistant: Hello, Ada!",
      "user: Who am I?",
    ]);
    expect(await storedMessages(store)).toEqual([
      "user: I am Ada.",
      "assistant: Hello, Ada!",
      "user: Who am I?",
      "assistant: Ada.",
    ]);
  });

  test("stores a question and its answer as one turn", async () => {
    const store = memoryStores();
    await run(({ chat }) => chat("One"), { middy, store });
    await run(({ chat }) => chat("Two"), { middy, store });
    const { turns, next } = await stored(store);
    expect(
      turns.map(({ first, messages }) => [first, messages.length]),
    ).toEqual([
      [0, 2],
      [2, 2],
    ]);
    expect(next).toBe(4);
  });
});
