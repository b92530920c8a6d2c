/** Longer timers fire at once: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Calls `onEnd` after this time, and never after a longer time than a timer can have. */
export function startTimer(
  delayMs: number,
  onEnd: () => void,
): NodeJS.Timeout | undefined {
  return delayMs <= MAX_TIMER_MS
    ? setTimeout(onEnd, Math.max(0, delayMs))
    : undefined;
}
