import { describe, expect, jest, test } from "@jest/globals";
import {
  fullJitterMs,
  MAX_TIMER_MS,
  sleep,
  startTimer,
  within,
} from "@lambdallm/core/feature";
import { rejection } from "./support.ts";

describe("within", () => {
  const never = new Promise<string>(() => {});
  const late = () => "late";

  test("gives what was promised in time, and leaves no timer", async () => {
    jest.useFakeTimers();
    const given = within({ limitMs: 10, onTimeUp: late }, async () => "given");
    expect(await given).toBe("given");
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  test("gives what onTimeUp says when the time is over, and aborts", async () => {
    const signals: AbortSignal[] = [];
    const given = within({ limitMs: 1, onTimeUp: late }, (signal) => {
      signals.push(signal);
      return never;
    });
    expect(await given).toBe("late");
    expect(signals[0]?.aborted).toBe(true);
  });

  test("rejects with what onTimeUp throws, which is the signal's reason", async () => {
    const error = new Error("too late");
    const signals: AbortSignal[] = [];
    const onTimeUp = () => {
      throw error;
    };
    const given = within({ limitMs: -1, onTimeUp }, (signal) => {
      signals.push(signal);
      return never;
    });
    expect(await rejection(given)).toBe(error);
    expect(signals[0]?.reason).toBe(error);
  });

  test("rejects at once with the reason of a signal that aborts", async () => {
    const { signal, abort } = abortable();
    const seen: AbortSignal[] = [];
    const options = { limitMs: Number.POSITIVE_INFINITY, onTimeUp: late };
    const given = within({ ...options, signal }, (own) => {
      seen.push(own);
      return never;
    });
    abort("enough");
    expect(await rejection(given)).toBe("enough");
    expect(seen[0]?.reason).toBe("enough");
    const again = within({ ...options, signal }, () => {
      throw new Error("It is not even begun.");
    });
    expect(await rejection(again)).toBe("enough");
  });

  test("aborts what is left when it fails itself", async () => {
    const error = new Error("failed");
    const signals: AbortSignal[] = [];
    const given = within({ limitMs: 1_000, onTimeUp: late }, async (signal) => {
      signals.push(signal);
      throw error;
    });
    expect(await rejection(given)).toBe(error);
    expect(signals[0]?.reason).toBe(error);
  });

  test("leaves a rejection that comes later to nobody", async () => {
    const later = Promise.withResolvers<string>();
    const given = within({ limitMs: 1, onTimeUp: late }, () => later.promise);
    expect(await given).toBe("late");
    later.reject(new Error("nobody waits"));
    // An unhandled rejection would end the process before the next turn.
    await new Promise(setImmediate);
  });
});

describe("sleep", () => {
  test("ends after its time, and at once when its signal aborts", async () => {
    jest.useFakeTimers();
    const { signal, abort } = abortable();
    const timely = sleep(1_000);
    await jest.advanceTimersByTimeAsync(1_000);
    await timely;
    const aborted = sleep(1_000, signal);
    abort("enough");
    await aborted;
    await sleep(1_000, signal);
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });
});

describe("a timer", () => {
  test("that would be longer than timers can be is none", () => {
    jest.useFakeTimers();
    const onEnd = () => {};
    expect(startTimer(MAX_TIMER_MS + 1, onEnd)).toBeUndefined();
    expect(startTimer(Number.POSITIVE_INFINITY, onEnd)).toBeUndefined();
    expect(jest.getTimerCount()).toBe(0);
    startTimer(MAX_TIMER_MS, onEnd);
    expect(jest.getTimerCount()).toBe(1);
    jest.useRealTimers();
  });
});

describe("full jitter", () => {
  const almostOne = () => 1 - Number.EPSILON;
  test.each([
    [0, 20],
    [1, 40],
    [3, 160],
    [10, 500],
    [5_000, 500],
  ])("after %i retries is below %i ms", (retries, longestMs) => {
    const options = { baseMs: 20, capMs: 500 };
    expect(fullJitterMs(retries, { ...options, random: () => 0 })).toBe(0);
    expect(
      fullJitterMs(retries, { ...options, random: almostOne }),
    ).toBeCloseTo(longestMs);
    expect(fullJitterMs(retries, options)).toBeLessThan(longestMs);
  });
});

function abortable() {
  const controller = new AbortController();
  const abort = (reason: unknown) => controller.abort(reason);
  return { signal: controller.signal, abort };
}
