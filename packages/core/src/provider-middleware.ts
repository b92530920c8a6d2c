import type { Context as LambdaContext } from "aws-lambda";
import type { Invocation } from "./invocation.ts";
import { type OpenOptions, openInvocation, type WithLLM } from "./registry.ts";
import { guardStreamBody } from "./stream-body.ts";

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
    closeOnEarlyReturn(request, invocation);
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
 * A middleware that returns early skips every `after` and `onError`. Middy 6 and 7 both set `earlyResponse` and then
 * assign `response`, and this assignment is the only sign of it.
 */
function closeOnEarlyReturn(
  request: MiddyRequest,
  invocation: Invocation,
): void {
  let response = request.response;
  Object.defineProperty(request, "response", {
    configurable: true,
    enumerable: true,
    get: () => response,
    set: (value: unknown) => {
      response = value;
      if (!("earlyResponse" in request) || invocation.closed) return;
      const guarded = guardStreamBody(value, invocation);
      if (guarded === undefined) void invocation.close();
      else response = guarded;
    },
  });
}
