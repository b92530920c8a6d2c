import type { Invocation } from "../call/invocation.ts";
import type { LLMContext } from "../context/llm-context.ts";
import { ConfigurationError } from "../contract/errors.ts";

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
export const { invocations, members } = host[SHARED];

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
