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
  const invocation = new Invocation({
    ...options,
    provider: providerOverride.getStore() ?? options.provider,
    parent,
    ...(remainingTimeMs && { remainingTimeMs }),
    ...(parent && {
      onClose: () => {
        // Another inner chain on the same context may have come in between.
        if (invocations.get(context) !== invocation) return;
        uninstall(context, invocation);
        install(context, openAncestor(parent));
      },
    }),
  });
  const llm = createContext(invocation);
  const added: PropertyDescriptorMap = {
    ...(durable ? undefined : Object.getOwnPropertyDescriptors(llm)),
    llm: { value: llm },
  };
  members.set(
    invocation,
    Object.entries(added).map(([name, descriptor]) => [
      name,
      shared(context, name, descriptor),
    ]),
  );
  install(context, invocation);
  if (parent !== undefined)
    outermost(parent).addFinalizer(() => invocation.close());
  return invocation;
}

type Members = readonly (readonly [name: string, PropertyDescriptor])[];

/** What an invocation puts on its context. */
const members = new WeakMap<Invocation, Members>();

function membersOf(invocation: Invocation): Members {
  // Every invocation that is opened here has them.
  return members.get(invocation) as Members;
}

/** The functions that read our members: what else is on the context belongs to others. */
const ours = new WeakSet<() => unknown>();

function isOurs({ get }: PropertyDescriptor): boolean {
  return get !== undefined && ours.has(get);
}

function install(context: object, invocation: Invocation): void {
  invocations.set(context, invocation);
  for (const [name, descriptor] of membersOf(invocation)) {
    const existing = Object.getOwnPropertyDescriptor(context, name);
    if (existing === undefined || isOurs(existing))
      Object.defineProperty(context, name, descriptor);
  }
}

function uninstall(context: object, invocation: Invocation): void {
  for (const [name] of membersOf(invocation)) {
    const existing = Object.getOwnPropertyDescriptor(context, name);
    if (existing !== undefined && isOurs(existing))
      Reflect.deleteProperty(context, name);
  }
}

/** A member that another middleware may replace, as `@middy/cloudwatch-metrics` does with `metrics`. */
function shared(
  context: object,
  name: string,
  descriptor: PropertyDescriptor,
): PropertyDescriptor {
  const get = descriptor.get ?? (() => descriptor.value);
  ours.add(get);
  const set = (value: unknown) => {
    Object.defineProperty(context, name, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  };
  // Not enumerable: a handler that logs its context logs what Lambda put there.
  return { get, set, configurable: true, enumerable: false };
}

function outermost(invocation: Invocation): Invocation {
  return invocation.parent ? outermost(invocation.parent) : invocation;
}

function openAncestor(invocation: Invocation): Invocation {
  return invocation.closed && invocation.parent
    ? openAncestor(invocation.parent)
    : invocation;
}

/** What a provider middleware adds to the context's type. */
export type WithLLM<Durable extends boolean = false> = Durable extends true
  ? { readonly llm: LLMContext }
  : LLMContext & { readonly llm: LLMContext };
