import { AsyncLocalStorage } from "node:async_hooks";
import { createContext, type LLMContext } from "./context.ts";
import { ConfigurationError } from "./errors.ts";
import { Invocation, type InvocationOptions } from "./invocation.ts";
import type { Provider } from "./model-call.ts";

/*
 * Both live on globalThis, so that two copies of this package in one bundle see the same invocations. The Lambda context
 * is the key because it is what a nested chain, such as one behind a router, shares with the outer one.
 */
const SHARED = Symbol.for("@lambdallm/core.shared");

interface Shared {
  readonly invocations: WeakMap<object, Invocation>;
  readonly providerOverride: AsyncLocalStorage<Provider>;
}

const host = globalThis as typeof globalThis & { [SHARED]?: Shared };
host[SHARED] ??= {
  invocations: new WeakMap(),
  providerOverride: new AsyncLocalStorage(),
};
const { invocations, providerOverride } = host[SHARED];

/**
 * The invocation that a Lambda context belongs to: where features add their interceptors, listeners and finalizers.
 *
 * @throws {ConfigurationError} No provider middleware has run before.
 */
export function invocationOf(context: object): Invocation {
  const invocation = invocations.get(context);
  if (invocation === undefined)
    throw new ConfigurationError(
      "No model provider is in use here: add .use(bedrock()) before this middleware, and call models only while the handler runs.",
    );
  return invocation;
}

/** Runs `fn` with another provider in place of every one that a middleware in it would use. For tests. */
export function withProvider<T>(provider: Provider, fn: () => T): T {
  return providerOverride.run(provider, fn);
}

export interface OpenOptions
  extends Omit<InvocationOptions, "parent" | "remainingTimeMs" | "onClose"> {
  /** Sets `context.llm` only, because a durable context has an `invoke` of its own. */
  readonly durable?: boolean | undefined;
}

interface LambdaLikeContext {
  getRemainingTimeInMillis?: () => number;
  lambdaContext?: { getRemainingTimeInMillis?: () => number };
}

/** Begins an invocation on a Lambda context and puts the model functions there. */
export function openInvocation(
  context: object,
  { durable, ...options }: OpenOptions,
): Invocation {
  const present = invocations.get(context);
  const parent = present?.closed ? undefined : present;
  // A durable context carries Lambda's own at `lambdaContext`.
  const { getRemainingTimeInMillis, lambdaContext }: LambdaLikeContext =
    context;
  const remainingTimeMs =
    getRemainingTimeInMillis ?? lambdaContext?.getRemainingTimeInMillis;
  const outer = new Map<string, PropertyDescriptor | undefined>();
  const invocation = new Invocation({
    ...options,
    provider: providerOverride.getStore() ?? options.provider,
    parent,
    ...(remainingTimeMs && { remainingTimeMs }),
    ...(parent && {
      onClose: () => {
        for (const [name, descriptor] of outer)
          if (descriptor === undefined) Reflect.deleteProperty(context, name);
          else Object.defineProperty(context, name, descriptor);
        invocations.set(context, parent);
      },
    }),
  });
  const llm = createContext(invocation);
  const added: PropertyDescriptorMap = {
    ...(durable ? undefined : Object.getOwnPropertyDescriptors(llm)),
    llm: { value: llm },
  };
  for (const [name, descriptor] of Object.entries(added)) {
    outer.set(name, Object.getOwnPropertyDescriptor(context, name));
    // Not enumerable: a handler that logs its context logs what Lambda put there.
    Object.assign(descriptor, { enumerable: false, configurable: true });
  }
  Object.defineProperties(context, added);
  invocations.set(context, invocation);
  parent?.addFinalizer(() => invocation.close());
  return invocation;
}

/** What a provider middleware adds to the context's type. */
export type WithLLM<Durable extends boolean = false> = Durable extends true
  ? { readonly llm: LLMContext }
  : LLMContext & { readonly llm: LLMContext };
