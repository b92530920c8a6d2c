import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  checkedTenant,
  FeatureMembers,
  invocationOf,
  type MiddyMiddleware,
  type MiddyRequest,
  validateOptions,
} from "@lambdallm/core/feature";
import type { Context as LambdaContext } from "aws-lambda";
import {
  checkedIdempotencyKey,
  checkedSessionId,
  requireOptions,
  type SessionSettings,
  settingChecks,
} from "./options.ts";
import { Session } from "./session.ts";

// biome-ignore lint/suspicious/noExplicitAny: Middy's `use` does not tell a middleware the type of the chain's event, and without a default every function would have to name it
export interface SessionMiddlewareOptions<TEvent = any>
  extends SessionSettings {
  /** The session's id, from the event. What it returns is checked: a request without one gets a SessionIdError (400). */
  readonly id: (event: TEvent, context: LambdaContext) => unknown;
  /**
   * Whose session it is. Take it from the authenticated caller, such as an authorizer's claims, and never from the body: one
   * tenant's sessions are out of reach of the others.
   * @default `context.tenantId`, which Lambda's tenant isolation sets; without it one tenant, "default"
   */
  readonly tenant?: (event: TEvent, context: LambdaContext) => unknown;
  /**
   * What a client names its request with, such as a header that it repeats with each try: the same turn under the same key is
   * stored once, and its repetition gets the stored answer. Undefined for a request without one; another value that is no
   * text is a SessionIdError (400).
   * @default Lambda's request id, which Lambda's own repetitions share
   */
  readonly idempotencyKey?: (event: TEvent, context: LambdaContext) => unknown;
}

/** What `session()` adds to the context, and to `context.llm`. */
export interface SessionMembers {
  readonly session: Session;
  readonly chat: Session["chat"];
  readonly chatStream: Session["chatStream"];
}

export type WithSession = SessionMembers & { readonly llm: SessionMembers };

const checks = {
  ...settingChecks,
  id: check.function,
  tenant: check.function,
  idempotencyKey: check.function,
};

/** @throws {ConfigurationError} naming the option that is missing, unknown or wrong. */
export function sessionValidateOptions(options: unknown): void {
  validateOptions("session", checks, options);
  requireOptions("session", Object(options), ["store", "id"]);
}

const members = new FeatureMembers<SessionMembers>();

/**
 * Gives the handler a conversation that outlives the invocation: `context.chat(text)` answers with the history in mind, and
 * stores the turn.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong; in an invocation without a provider, with
 * another session, without a tenant, or with a `context.tenantId` that cannot be one.
 * @throws {SessionIdError} for a request that does not name its session.
 * @example
 * export const handler = middy<{ sessionId: string; text: string }>()
 *   .use(bedrock())
 *   .use(session({ store, id: (event) => event.sessionId }))
 *   .handler(async (event, context) => context.chat(event.text));
 */
// biome-ignore lint/suspicious/noExplicitAny: see SessionMiddlewareOptions
export function session<TEvent = any>(
  options: SessionMiddlewareOptions<TEvent>,
): Required<
  Pick<MiddyMiddleware<LambdaContext & WithSession>, "before" | "after">
> {
  sessionValidateOptions(options);
  const { id, tenant, idempotencyKey, ...settings } = options;
  const sessions = new WeakMap<object, Session>();

  const sessionBefore = async (request: MiddyRequest): Promise<void> => {
    const { context } = request;
    // The chain's event has the type that `id` and `tenant` were written for.
    const event = request.event as TEvent;
    const invocation = invocationOf(context, "session");
    if (members.has(invocation))
      throw new ConfigurationError(
        "session: there is a session in this invocation already. Use one of them, or new Session({ ..., context }) for the other.",
      );
    const current = new Session({
      ...settings,
      id: checkedSessionId(id(event, context), event),
      ...(tenant && {
        tenant: checkedTenant("session", tenant(event, context)),
      }),
      idempotencyKey: checkedIdempotencyKey(idempotencyKey?.(event, context)),
      context,
    });
    members.install(context, invocation, {
      session: current,
      chat: (content, options) => current.chat(content, options),
      chatStream: (content, options) => current.chatStream(content, options),
    });
    sessions.set(request, current);
  };

  const sessionAfter = async (request: MiddyRequest): Promise<void> => {
    await sessions.get(request)?.saveAtEnd();
  };

  return { before: sessionBefore, after: sessionAfter };
}
