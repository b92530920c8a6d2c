import { getEventListeners } from "node:events";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { answerOf } from "./support.ts";

describe("the delays of MockProvider", () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  test("come before the answer and between its pieces", async () => {
    const times: number[] = [];
    const answer = answerOf(
      { pieces: ["a", "b", "c"], delayMs: 1_000, pieceDelayMs: 100 },
      {
        onDelta: () => {
          times.push(Date.now());
        },
      },
    );
    await jest.runAllTimersAsync();
    expect(times).toEqual([1_100, 1_200, 1_300]);
    expect(await answer).toMatchObject({ text: "abc", latencyMs: 1_300 });
  });

  test("end with the signal's reason when it aborts", async () => {
    const controller = new AbortController();
    const failing = answerOf(
      { text: "a", delayMs: 1_000 },
      { signal: controller.signal },
    );
    const expectation = expect(failing).rejects.toBe("enough");
    await jest.advanceTimersByTimeAsync(500);
    controller.abort("enough");
    await expectation;
    expect(jest.getTimerCount()).toBe(0);
  });

  test("do not begin when the signal has aborted, also while the answer streams", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const failing = answerOf(
      { pieces: ["a", "b"], pieceDelayMs: 1_000 },
      { signal, onDelta: () => controller.abort("enough") },
    );
    const expectation = expect(failing).rejects.toBe("enough");
    await jest.advanceTimersByTimeAsync(1_000);
    await expectation;
    await expect(
      answerOf({ text: "a", delayMs: 1_000 }, { signal }),
    ).rejects.toBe("enough");
    expect(jest.getTimerCount()).toBe(0);
  });

  test("leave the signal without listeners", async () => {
    const { signal } = new AbortController();
    const listening = () => getEventListeners(signal, "abort").length;
    const answer = answerOf(
      { pieces: ["a", "b"], delayMs: 1, pieceDelayMs: 1 },
      { signal },
    );
    await jest.advanceTimersByTimeAsync(0);
    expect(listening()).toBe(1);
    await jest.runAllTimersAsync();
    await answer;
    expect(listening()).toBe(0);
  });

  test("end at the deadline with what had arrived", async () => {
    const late = { pieces: ["a", "b", "c"], pieceDelayMs: 400 };
    const answer = answerOf(late, { deadline: 1_000 });
    await jest.runAllTimersAsync();
    expect(Date.now()).toBe(1_000);
    expect(await answer).toMatchObject({
      text: "ab",
      stopReason: "timeout",
      message: { content: [{ text: "ab" }] },
      deltas: [{ text: "a" }, { text: "b" }],
    });
  });

  test.each([
    ["the answer begins", { text: "a", delayMs: 2_000 }],
    ["the first piece is there", { text: "a", pieceDelayMs: 2_000 }],
    ["ever", { text: "a", delayMs: Number.POSITIVE_INFINITY }],
  ])(
    "end at the deadline with nothing when it comes before %s",
    async (_what, response) => {
      const answer = answerOf(response, { deadline: 1_000 });
      await jest.runAllTimersAsync();
      expect(await answer).toMatchObject({
        text: "",
        stopReason: "timeout",
        message: { content: [] },
      });
    },
  );

  test("are not waited for when the time is over", async () => {
    const answer = await answerOf({ text: "a", delayMs: 5 }, { deadline: -1 });
    expect(answer).toHaveProperty("stopReason", "timeout");
  });

  test("may be endless, for a model that hangs", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const hanging = answerOf({ delayMs: Number.POSITIVE_INFINITY }, { signal });
    const expectation = expect(hanging).rejects.toBe("enough");
    await jest.advanceTimersByTimeAsync(86_400_000);
    controller.abort("enough");
    await expectation;
  });
});
