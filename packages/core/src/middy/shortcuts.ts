import type { Context as LambdaContext } from "aws-lambda";
import type { Invocation } from "../call/invocation.ts";
import { dropReplaced, guardStreamBody } from "../stream/stream-body.ts";
import { adoptContext } from "./members.ts";
import type { MiddyRequest } from "./middy-types.ts";

/*
 * Middy tells nobody when it takes a shortcut. What it assigns to the request is the only sign, and is the same in both:
 *
 * | what happens | Middy 6 | Middy 7 |
 * | --- | --- | --- |
 * | a phase returns a value, or sets `earlyResponse` | `earlyResponse`, then `response = earlyResponse`; the other phases of its kind, and every `after` when it was a `before`, are skipped | the same |
 * | the handler returns | `response` | the same |
 * | a phase or the handler throws | `response = undefined`, `error` | the same, and `earlyResponse` is deleted in between |
 * | an `onError` throws | `error.originalError = request.error`, then `error`; the `onError`s that are left are skipped | the same, with `cause` too; `error` alone when it throws what it was given |
 * | `onError`s leave `response` undefined | `error` is thrown | the same |
 */

/**
 * Assigned to the request, a copy of the context, as `{ ...context, more }`, gets the members, which no copy takes along.
 *
 * A middleware that answers early skips every `after` and `onError`, one that throws in `onError` the `onError`s that are
 * left. What Middy 6 and 7 then assign to the request is the only sign of it.
 */
export function watchRequest(
  request: MiddyRequest & { earlyResponse?: unknown },
  invocation: Invocation,
): void {
  // Another provider of this chain watches already, and closes this invocation with its own.
  if (Object.getOwnPropertyDescriptor(request, "response")?.set) return;
  let { response, error, context } = request;
  const opened = context;

  const answerEarly = (value: unknown): unknown => {
    const guarded = guardStreamBody(value, invocation);
    if (guarded !== undefined) return guarded;
    const closed = invocation.close();
    // Middy throws the error when an `onError` leaves the response undefined.
    if (error !== undefined && value === undefined) return value;
    // All that Middy does now is to return this from an async function: so the answer waits for the finalizers.
    return closed.then(() => {
      response = value;
      return value;
    });
  };

  Object.defineProperties(request, {
    context: {
      configurable: true,
      enumerable: true,
      get: () => context,
      set: (value: LambdaContext) => {
        adoptContext(value, context ?? opened);
        context = value;
      },
    },
    response: {
      configurable: true,
      enumerable: true,
      get: () => response,
      set: (value: unknown) => {
        const early =
          "earlyResponse" in request && value === request.earlyResponse;
        if (!early) dropReplaced(response, value);
        response = early && !invocation.closed ? answerEarly(value) : value;
      },
    },
    error: {
      configurable: true,
      enumerable: true,
      get: () => error,
      set: (value: unknown) => {
        // Middy marks what an `onError` throws with the error that it was given.
        if (
          error !== undefined &&
          (value === error ||
            Reflect.get(Object(value), "originalError") === error)
        )
          void invocation.close();
        error = value;
      },
    },
  });
}
