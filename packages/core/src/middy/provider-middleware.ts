import type { Context as LambdaContext } from "aws-lambda";
import type { Invocation } from "../call/invocation.ts";
import { dropReplaced, guardStreamBody } from "../stream/stream-body.ts";
import {
  adoptContext,
  type OpenOptions,
  openInvocation,
  type WithLLM,
} from "./registry.ts";

/** The part of a Middy request that this suite uses; Middy 6 and 7 both fit. */
export interface MiddyRequest<TContext = LambdaContext> {
  event: unknown;
  context: TContext;
  response?: unknown;
  error?: unknown;
}

/** A Middy middleware, in the shape that Middy 6 and 7 share. */
export interface MiddyMiddleware<TContext = LambdaContext> {
  readonly before?: (request: MiddyRequest<TContext>) => Promise<void>;
  readonly after?: (request: MiddyRequest<TContext>) => Promise<void>;
  readonly onError?: (request: MiddyRequest<TContext>) => Promise<void>;
}

/** The Middy middleware around a provider: opens the invocation, and closes it whatever happens. */
export function providerMiddleware<Durable extends boolean = false>(
  options: OpenOptions & { readonly durable?: Durable | undefined },
): Required<MiddyMiddleware<LambdaContext & WithLLM<Durable>>> {
  // Keyed by request: a chain's requests can be open at the same time, and a nested chain shares the context.
  const invocations = new WeakMap<object, Invocation>();

  const providerBefore = async (request: MiddyRequest): Promise<void> => {
    const invocation = openInvocation(request.context, options);
    invocations.set(request, invocation);
    watchRequest(request, invocation);
  };

  const providerAfter = async (request: MiddyRequest): Promise<void> => {
    const invocation = invocations.get(request);
    if (invocation === undefined) return;
    const guarded = guardStreamBody(request.response, invocation);
    if (guarded === undefined) await invocation.close();
    else request.response = guarded;
  };

  const providerOnError = async (request: MiddyRequest): Promise<void> => {
    await invocations.get(request)?.close();
  };

  return {
    before: providerBefore,
    after: providerAfter,
    onError: providerOnError,
  };
}

/**
 * Assigned to the request, a copy of the context, as `{ ...context, more }`, gets the members, which no copy takes along.
 *
 * A middleware that answers early skips every `after` and `onError`, one that throws in `onError` the `onError`s that are
 * left. What Middy 6 and 7 then assign to the request is the only sign of it.
 */
function watchRequest(
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
