import type { Invocation } from "../call/invocation.ts";
import { type ContextChanges, createContext } from "../context/context.ts";
import type { LLMContext } from "../context/llm-context.ts";
import { adoptContext, isOurs } from "./members.ts";

const CHANGED = [
  "invoke",
  "invokeStructured",
  "stream",
  "streamStructured",
  "converse",
] as const;

/**
 * The context of a handler for a part of its work: it belongs to the same invocation and has all that is on the handler's, and
 * its model functions are changed.
 */
export function changedContext<Context extends object>(
  context: Context,
  invocation: Invocation,
  changes: ContextChanges,
): { readonly context: Context; readonly llm: LLMContext } {
  const llm = createContext(invocation, changes);
  // It inherits from the context, and so has its type.
  const own = Object.create(context) as Context;
  adoptContext(own, context);
  for (const name of CHANGED)
    if (isOurs(own, name))
      Object.defineProperty(own, name, {
        value: llm[name],
        configurable: true,
      });
  Object.defineProperty(own, "llm", { value: llm, configurable: true });
  return { context: own, llm };
}
