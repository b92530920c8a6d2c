/** The ids of the span that is being started. */
export interface Ids {
  traceId: string | undefined;
  spanId: string | undefined;
}

interface Shared {
  /** Whether a provider of this process has been given a `RunIdGenerator`. */
  isUsed: boolean;
  next: Ids | undefined;
}

// On globalThis: the generator is often in another bundle than the handler, such as the one that sets OpenTelemetry up.
const SHARED = Symbol.for("@lambdallm/tracing.ids");
const host = globalThis as typeof globalThis & { [SHARED]?: Shared };
host[SHARED] ??= { isUsed: false, next: undefined };
const shared = host[SHARED];

export const usesRunIds = (): boolean => shared.isUsed;

export function useRunIds(isUsed: boolean): void {
  shared.isUsed = isUsed;
}

/** @param start Starts one span, at once: whatever asks for ids in the meantime does so for it. */
export function withIds<T>(ids: Ids, start: () => T): T {
  shared.next = ids;
  try {
    return start();
  } finally {
    shared.next = undefined;
  }
}

/** Each of them is taken once: a processor may start a span of its own when it sees this one. */
export function takeId(name: keyof Ids): string | undefined {
  const id = shared.next?.[name];
  if (shared.next !== undefined) shared.next[name] = undefined;
  return id;
}
