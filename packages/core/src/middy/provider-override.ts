import { AsyncLocalStorage } from "node:async_hooks";
import { isThenable } from "../checks/thenable.ts";
import { ConfigurationError } from "../contract/errors.ts";
import type { Provider } from "../contract/model-call.ts";

interface Override {
  readonly provider: Provider;
  /** The one that it runs in. */
  readonly outer: Override | undefined;
}

interface Overrides {
  readonly present: AsyncLocalStorage<Override>;
  readonly running: Set<Override>;
}

// On globalThis, so that two copies of this package in one bundle see the same ones.
const SHARED = Symbol.for("@lambdallm/core.overrides");
const host = globalThis as typeof globalThis & { [SHARED]?: Overrides };
host[SHARED] ??= { present: new AsyncLocalStorage(), running: new Set() };
const { present, running } = host[SHARED];

/**
 * Runs `fn` with another provider in place of every one that a middleware would use. For tests. It holds for what `fn` calls,
 * and until `fn` is over, with its promise, also for invocations that begin outside of it, as in a server that was
 * started before.
 */
export function withProvider<T>(provider: Provider, fn: () => T): T {
  const override = { provider, outer: present.getStore() };
  const end = () => void running.delete(override);
  running.add(override);
  let result: T;
  try {
    result = present.run(override, fn);
  } catch (error) {
    end();
    throw error;
  }
  // Whoever awaits it gets what he would have got.
  if (isThenable(result)) return settled(result, end) as T;
  end();
  return result;
}

async function settled(
  result: PromiseLike<unknown>,
  end: () => void,
): Promise<unknown> {
  try {
    return await result;
  } finally {
    end();
  }
}

/**
 * The provider in place of that of a middleware, if there is one.
 *
 * @throws {ConfigurationError} Several run, and the caller is in none of them.
 */
export function overridingProvider(): Provider | undefined {
  const own = present.getStore();
  if (own !== undefined && running.has(own)) return own.provider;
  const outers = new Set([...running].map(({ outer }) => outer));
  const [only, ...others] = [...running].filter((one) => !outers.has(one));
  if (others.length > 0)
    throw new ConfigurationError(
      `${others.length + 1} mocked models are in use at the same time, and this invocation began outside of all of them, as in a server that was started before: which one it is to ask cannot be known. Let the tests that share a server run one after another, or start it in each of them.`,
    );
  // What a test has left behind gets at no real model.
  return (only ?? own)?.provider;
}
