import type { ModelRequest } from "@lambdallm/core/feature";

export interface WatchedRequest {
  readonly request: ModelRequest;
  /** The caller has seen a piece of an answer, which cannot be taken back. */
  seen: boolean;
  /** What the caller's observer threw: that is the caller's, not the model's. */
  thrown?: { readonly error: unknown };
}

/** The core calls `onDelta` for the kinds only that the caller wants to see. */
export function watchDeltas(request: ModelRequest): WatchedRequest {
  const { onDelta } = request;
  if (onDelta === undefined) return { request, seen: false };
  const watched: WatchedRequest = {
    request: {
      ...request,
      onDelta: (delta) => {
        watched.seen = true;
        try {
          onDelta(delta);
        } catch (error) {
          watched.thrown = { error };
          throw error;
        }
      },
    },
    seen: false,
  };
  return watched;
}
