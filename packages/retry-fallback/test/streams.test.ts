import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import type { Delta, LLMContext, Message } from "@lambdallm/core";
import { circuitStates, resetRetryState } from "@lambdallm/retry-fallback";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  byModel,
  FIRST,
  failure,
  fakeClock,
  play,
  SECOND,
  timePasses,
} from "./support.ts";

beforeEach(() => {
  resetRetryState();
  fakeClock();
});
afterEach(() => {
  jest.useRealTimers();
});

const messages: readonly Message[] = [
  { role: "user", content: [{ text: "Hello" }] },
];
const breaksOff = {
  pieces: ["half ", "an "],
  error: failure("interrupted", { billed: "partial" }),
};

const read = async ({ stream }: LLMContext) => {
  let text = "";
  for await (const piece of stream("Hello")) text += piece;
  return text;
};

describe.each(middyMajors)("a stream on %s", (_name, middy) => {
  test("is tried again as long as nobody has seen anything", async () => {
    const { result, asked } = await timePasses(
      play(
        middy,
        { responses: [failure("unavailable"), failure("interrupted"), "ok"] },
        read,
      ),
    );
    expect(asked).toHaveLength(3);
    expect(result).toBe("ok");
  });

  test("is not tried again once text was seen, neither there nor elsewhere", async () => {
    const { error, asked } = await timePasses(
      play(
        middy,
        { responses: [breaksOff, "ok"], options: { fallbackModel: SECOND } },
        read,
      ),
    );
    expect(asked).toEqual([FIRST]);
    expect(error).toBe(breaksOff.error);
  });

  test("that breaks off in a later attempt lists all of them", async () => {
    const { error, asked } = await timePasses(
      play(middy, { responses: [failure("throttled"), breaksOff, "ok"] }, read),
    );
    expect(asked).toHaveLength(2);
    expect(error).toMatchObject({
      reason: "interrupted",
      billed: "partial",
      errors: [
        { error: { reason: "throttled" } },
        { error: { reason: "interrupted" } },
      ],
    });
  });

  test("that the model breaks off itself after text was seen comes back as it is", async () => {
    const broken = { text: "half", stopReason: "malformed_model_output" };
    const { result, asked } = await timePasses(
      play(
        middy,
        { responses: [broken, "ok"], options: { fallbackModel: SECOND } },
        async ({ converse }) => converse({ messages, onDelta: () => {} }),
      ),
    );
    expect(asked).toHaveLength(1);
    expect(result).toMatchObject(broken);
  });

  test.each<[string, Partial<Parameters<LLMContext["converse"]>[0]>]>([
    ["it shows nothing", { deltas: [] }],
    ["it shows other kinds", { deltas: ["tool", "reasoning", "output"] }],
  ])("is tried again after text when %s", async (_what, request) => {
    const seen: Delta[] = [];
    const { result, asked } = await timePasses(
      play(middy, { responses: [breaksOff, "ok"] }, async ({ converse }) =>
        converse({
          messages,
          onDelta: (delta) => {
            seen.push(delta);
          },
          ...request,
        }),
      ),
    );
    expect(asked).toHaveLength(2);
    expect(result).toMatchObject({ text: "ok" });
    expect(seen).toEqual([]);
  });

  test("shows the caller the answer of the fallback, piece by piece", async () => {
    const seen: string[] = [];
    await timePasses(
      play(
        middy,
        {
          responses: [
            byModel({
              [FIRST]: failure("model-retired"),
              [SECOND]: { pieces: ["o", "k"] },
            }),
          ],
          options: { fallbackModel: SECOND },
        },
        async ({ stream }) => {
          for await (const piece of stream("Hello")) seen.push(piece);
        },
      ),
    );
    expect(seen.join("")).toBe("ok");
  });

  test.each<[string, unknown]>([
    ["a bug", new TypeError("undefined is not a function")],
    ["what looks like a failure for a moment", failure("unavailable")],
    ["what is no error at all", "enough"],
    ["nothing", undefined],
  ])("that its reader cannot stand is the reader's: %s", async (_what, bug) => {
    const { error, asked } = await timePasses(
      play(
        middy,
        {
          responses: [failure("throttled"), "ok"],
          options: { fallbackModel: SECOND },
        },
        async ({ converse }) =>
          converse({
            messages,
            onDelta: () => {
              throw bug;
            },
          }).catch((thrown: unknown) => {
            throw { thrown };
          }),
      ),
    );
    expect(asked).toEqual([FIRST, FIRST]);
    expect(error).toEqual({ thrown: bug });
    expect(Reflect.get(Object(error), "thrown")).toBe(bug);
    expect(circuitStates()).toMatchObject([{ failures: 0 }]);
  });
});
