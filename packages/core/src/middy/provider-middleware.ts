import type { Context as LambdaContext } from "aws-lambda";
import type { Invocation } from "../call/invocation.ts";
import { guardStreamBody } from "../stream/stream-body.ts";
import type { WithLLM } from "./members.ts";
import type { MiddyMiddleware, MiddyRequest } from "./middy-types.ts";
import { type OpenOptions, openInvocation } from "./open-invocation.ts";
import { watchRequest } from "./shortcuts.ts";

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
