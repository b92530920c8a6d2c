import type { LLMContext } from "../context/llm-context.ts";
import { invocations, members } from "./registry.ts";

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
export const NAMES = Object.keys(MEMBERS);

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

export function isOurs(context: object, name: string): boolean {
  const get = Object.getOwnPropertyDescriptor(context, name)?.get;
  return get !== undefined && get === accessors.get(name)?.get;
}

/** Puts on the context what nobody has put there yet; returns what that was. */
export function install(context: object, names: readonly string[]): string[] {
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

/** What a provider middleware adds to the context's type. */
export type WithLLM<Durable extends boolean = false> = Durable extends true
  ? { readonly llm: LLMContext }
  : LLMContext & { readonly llm: LLMContext };
