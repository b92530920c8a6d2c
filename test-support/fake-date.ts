import { jest } from "@jest/globals";

/** Sets the date as users' tests do, and leaves the timers alone: real networks need theirs. `jest.useRealTimers` ends it. */
export function fakeDate(now: number | string): void {
  jest.useFakeTimers({
    now: new Date(now),
    doNotFake: [
      "hrtime",
      "nextTick",
      "performance",
      "queueMicrotask",
      "setImmediate",
      "clearImmediate",
      "setInterval",
      "clearInterval",
      "setTimeout",
      "clearTimeout",
    ],
  });
}
