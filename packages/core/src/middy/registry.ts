import { Invocation, type InvocationOptions } from "../call/invocation.ts";
import { kindOf } from "../checks/words.ts";
import { createContext } from "../context/context.ts";
import type { LLMContext } from "../context/llm-context.ts";
import { ConfigurationError } from "../contract/errors.ts";
import { overridingProvider } from "./provider-override.ts";

/*
 * Both live on globalThis, so that two copies of this package in one bundle see the same invocations. The Lambda context
 * is the key because it is what a nested chain, such as one behind a router, shares with the outer one.
 */
const SHARED = Symbol.for("@lambdallm/core.shared");

interface Shared {
  readonly invocations: WeakMap<object, Invocation>;
  /** The functions that the context of an invocation has. */
  readonly members: WeakMap<Invocation, LLMContext>;
}

const host = globalThis as typeof globalThis & { [SHARED]?: Shared };
host[SHARED] ??= { invocations: new WeakMap(), members: new WeakMap() };
const { invocations, members } = host[SHARED];

/**
 * The invocation that a Lambda context belongs to: where features add their interceptors, listeners and finalizers.
 *
 * @param feature Named in the error.
 * @throws {ConfigurationError} No provider middleware has run before.
 */
export function invocationOf(
  context: object,
  feature = "this middleware",
): Invocation {
  const invocation = invocations.get(context);
  if (invocation === undefined)
    throw new ConfigurationError(
      `No model provider is in use here: add .use(bedrock()) before ${feature}, and call models only while the handler runs.`,
    );
  return invocation;
}

/** The functions that the context of an invocation has; the same object is at `context.llm`. */
export function llmOf(invocation: Invocation): LLMContext {
  // Set before anybody else can have the invocation.
  return members.get(invocation) as LLMContext;
}

export interface OpenOptions
  extends Omit<InvocationOptions, "parent" | "remainingTimeMs" | "onClose"> {
  /** Sets `context.llm` only, because a durable context has an `invoke` of its own. */
  readonly durable?: boolean | undefined;
}

/**
 * Milliseconds until Lambda's timeout; `Infinity` where the context cannot tell, as outside of Lambda. A wrong answer is
 * refused instead of ignored, because Middy would take it for a timeout that is over.
 *
 * @throws {ConfigurationError} What the context has is no function, or gives no number.
 */
function remainingTimeOf(context: object): number {
  // A durable context carries Lambda's own at `lambdaContext`.
  const inner: unknown = Reflect.get(context, "lambdaContext");
  for (const owner of [context, Object(inner)]) {
    const method: unknown = Reflect.get(owner, "getRemainingTimeInMillis");
    if (method === undefined || method === null) continue;
    const isFunction = typeof method === "function";
    const leftMs: unknown = isFunction ? method.call(owner) : method;
    if (isFunction && typeof leftMs === "number" && !Number.isNaN(leftMs))
      return leftMs;
    throw new ConfigurationError(
      `getRemainingTimeInMillis of the Lambda context must be a function that returns a number of milliseconds; it ${isFunction ? "returned" : "is"} ${kindOf(leftMs)}.`,
    );
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * Begins an invocation on a Lambda context and puts the model functions there.
 *
 * @throws {ConfigurationError} The context's `getRemainingTimeInMillis` gives no number, or several mocked models could be meant.
 */
export function openInvocation(
  context: object,
  { durable, ...options }: OpenOptions,
): Invocation {
  const present = invocations.get(context);
  const parent = present?.closed ? undefined : present;
  let added: readonly string[] = [];
  const invocation = new Invocation({
    ...options,
    provider: overridingProvider() ?? options.provider,
    parent,
    remainingTimeMs: () => remainingTimeOf(context),
    ...(parent && {
      onClose: () => {
        // Another inner chain on the same context may have come in between.
        if (invocations.get(context) !== invocation) return;
        for (const name of added)
          if (isOurs(context, name)) Reflect.deleteProperty(context, name);
        invocations.set(context, openAncestor(parent));
      },
    }),
  });
  members.set(invocation, createContext(invocation));
  invocations.set(context, invocation);
  added = install(context, durable ? ["llm"] : NAMES);
  if (parent !== undefined)
    outermost(parent).addFinalizer(() => invocation.close());
  return invocation;
}

const MEMBERS: Readonly<Record<"llm" | keyof LLMContext, true>> = {
  llm: true,
  invoke: true,
  invokeStructured: true,
  stream: true,
  streamStructured: true,
  converse: true,
  countTokens: true,
  remainingTimeMs: true,
  shouldCheckpoint: true,
  totalCostUsd: true,
  totalCost: true,
  usage: true,
  metrics: true,
  getRawClient: true,
};
const NAMES = Object.keys(MEMBERS);

/**
 * Made once: they read the invocation that their context belongs to at the moment. Not enumerable, so that a handler that
 * logs its context logs what Lambda put there; and another middleware may replace one, as `@middy/cloudwatch-metrics` does
 * with `metrics`.
 */
const accessors = new Map(
  NAMES.map((name) => [
    name,
    {
      get(this: object): unknown {
        return memberOf(this, name);
      },
      set(this: object, value: unknown): void {
        Object.defineProperty(this, name, {
          value,
          configurable: true,
          enumerable: true,
          writable: true,
        });
      },
      configurable: true,
      enumerable: false,
    },
  ]),
);

/** `self` may inherit from the Lambda context, or be a copy of it that has no invocation. */
function memberOf(self: object | null, name: string): unknown {
  if (self === null) return undefined;
  const invocation = invocations.get(self);
  const llm = invocation && members.get(invocation);
  if (llm === undefined) return memberOf(Object.getPrototypeOf(self), name);
  return name === "llm" ? llm : Reflect.get(llm, name);
}

function isOurs(context: object, name: string): boolean {
  const get = Object.getOwnPropertyDescriptor(context, name)?.get;
  return get !== undefined && get === accessors.get(name)?.get;
}

/** Puts on the context what nobody has put there yet; returns what that was. */
function install(context: object, names: readonly string[]): string[] {
  const added: string[] = [];
  for (const [name, accessor] of accessors) {
    if (!names.includes(name) || Object.hasOwn(context, name)) continue;
    Object.defineProperty(context, name, accessor);
    added.push(name);
  }
  return added;
}

/** A copy of a context, as Middy lets a middleware put one in its place, belongs to the same invocation. */
export function adoptContext(copy: unknown, original: object): void {
  const invocation = invocations.get(original);
  if (typeof copy !== "object" || copy === null) return;
  if (invocation === undefined || invocations.has(copy)) return;
  invocations.set(copy, invocation);
  if (!Object.isExtensible(copy)) return;
  install(
    copy,
    NAMES.filter((name) => isOurs(original, name)),
  );
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
