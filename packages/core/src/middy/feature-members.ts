import type { Invocation } from "../call/invocation.ts";
import { invocationOf, llmOf } from "./registry.ts";

/** What a feature adds to the context and to `context.llm`. */
export class FeatureMembers<Members extends object> {
  readonly #members = new WeakMap<Invocation, Members>();

  has(invocation: Invocation): boolean {
    return this.#members.has(invocation);
  }

  /** Not enumerable, as the provider's own members: a handler that logs its context logs what Lambda put there. */
  install(context: object, invocation: Invocation, added: Members): void {
    this.#members.set(invocation, added);
    for (const [name, value] of Object.entries(added)) {
      Object.defineProperty(llmOf(invocation), name, {
        value,
        configurable: true,
        writable: true,
      });
      if (Object.hasOwn(context, name)) continue;
      Object.defineProperty(context, name, {
        // A nested provider's chain has its own, or its outer chain's.
        get: () => Reflect.get(Object(this.#of(invocationOf(context))), name),
        set: (own: unknown) => {
          Object.defineProperty(context, name, {
            value: own,
            configurable: true,
            enumerable: true,
            writable: true,
          });
        },
        configurable: true,
        enumerable: false,
      });
    }
  }

  #of(invocation: Invocation | undefined): Members | undefined {
    if (invocation === undefined) return undefined;
    return this.#members.get(invocation) ?? this.#of(invocation.parent);
  }
}
