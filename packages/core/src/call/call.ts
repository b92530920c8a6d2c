import type { CallInfo, ModelRequest } from "../contract/model-call.ts";

/** One model call with its attempts, as its interceptors see it. */
export class Call implements CallInfo {
  readonly callId: number;
  attempts = 0;
  hasBegun = false;
  thrown: { readonly error: unknown } | undefined;

  constructor(callId: number) {
    this.callId = callId;
  }

  /** The same request, whose caller is watched. The core shows him the kinds of deltas only that he wants to see. */
  watch(request: ModelRequest): ModelRequest {
    const { onDelta } = request;
    if (onDelta === undefined) return request;
    return {
      ...request,
      onDelta: (delta) => {
        this.hasBegun = true;
        try {
          onDelta(delta);
        } catch (error) {
          this.thrown = { error };
          throw error;
        }
      },
    };
  }
}
