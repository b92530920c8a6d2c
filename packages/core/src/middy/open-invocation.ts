import { Invocation, type InvocationOptions } from "../call/invocation.ts";
import { createContext } from "../context/context.ts";
import { install, isOurs, NAMES } from "./members.ts";
import { overridingProvider } from "./provider-override.ts";
import { invocations, members } from "./registry.ts";
import { remainingTimeOf } from "./remaining-time.ts";

export interface OpenOptions
  extends Omit<InvocationOptions, "parent" | "remainingTimeMs" | "onClose"> {
  /** Sets `context.llm` only, because a durable context has an `invoke` of its own. */
  readonly durable?: boolean | undefined;
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

function outermost(invocation: Invocation): Invocation {
  return invocation.parent ? outermost(invocation.parent) : invocation;
}

function openAncestor(invocation: Invocation): Invocation {
  return invocation.closed && invocation.parent
    ? openAncestor(invocation.parent)
    : invocation;
}
