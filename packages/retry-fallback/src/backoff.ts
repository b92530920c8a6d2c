import type { ModelInvocationError } from "@lambdallm/core";
import { fullJitterMs, MAX_TIMER_MS } from "@lambdallm/core/feature";
import type { Settings } from "./settings.ts";

/**
 * How long to wait before a retry: full jitter, on top of what the service asked for, so that calls which were throttled
 * together do not come back together. The jitter is drawn from what fits into `roomMs`. Undefined when there is no room.
 */
export function backoffMs(
  { reason, retryAfterMs = 0 }: ModelInvocationError,
  retriesBefore: number,
  roomMs: number,
  settings: Settings,
): number | undefined {
  // A provider of somebody else's may say anything: what is no positive number says nothing.
  const shortestMs = retryAfterMs > 0 ? retryAfterMs : 0;
  const spareMs = Math.min(roomMs, MAX_TIMER_MS) - shortestMs;
  if (spareMs < 0) return undefined;
  const { baseDelayMs, throttledBaseDelayMs, maxDelayMs, random } = settings;
  const baseMs = reason === "throttled" ? throttledBaseDelayMs : baseDelayMs;
  const capMs = Math.min(maxDelayMs, spareMs);
  return (
    shortestMs +
    Math.floor(fullJitterMs(retriesBefore, { baseMs, capMs, random }))
  );
}
