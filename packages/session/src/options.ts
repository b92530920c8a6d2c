import { ConfigurationError, LambdaLLMError } from "@lambdallm/core";
import {
  check,
  isolatedTenant,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { checkId, type SessionStore } from "@lambdallm/core/stores";
import { type MemoryStrategy, slidingWindow } from "./memory.ts";

/**
 * What happens when somebody else has written to the session since it was read. `rebase`: the turn is written after
 * theirs; its answer was made without them. `reject`: a SessionConflictError with the newer turns. `lock`: turns of a
 * session wait for each other, so that every answer sees all earlier ones.
 */
export type ConflictMode = "rebase" | "reject" | "lock";

/** The part of a store that sessions need; `dynamoDBStore()` and `memoryStores()` fit. */
export interface SessionStores {
  readonly sessions: SessionStore;
}

export interface SessionSettings {
  /** Where sessions are kept. */
  readonly store: SessionStores;
  /** Hours that a turn is kept, from its own writing on; `Infinity` for ever. @default 24 */
  readonly ttlHours?: number | undefined;
  /** Which part of the history the model gets. @default slidingWindow(20) */
  readonly memory?: MemoryStrategy | undefined;
  /** @default "rebase" */
  readonly conflict?: ConflictMode | undefined;
}

export interface SessionOptions extends SessionSettings {
  readonly id: string;
  /**
   * From the authenticated caller, never from the body of a request.
   * @default `context.tenantId`, which Lambda's tenant isolation sets; "default" without it
   */
  readonly tenant?: string | undefined;
  /** The handler's context, for `chat`, `chatStream` and `converse`. It also limits the time. */
  readonly context?: object | undefined;
  /**
   * Names what this session is asked for and what is saved: when the same comes again under the same key, it is not written
   * twice, and the stored answer is returned. Such as the id of a queue's message.
   * @default the Lambda request id of `context`
   */
  readonly idempotencyKey?: string | undefined;
}

/** Of a request that does not say which session it is about, or says it or its own name in a way that cannot be used. */
export class SessionIdError extends LambdaLLMError {
  static override readonly errorName = "SessionIdError";

  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, { ...options, code: "SESSION_ID", statusCode: 400 });
  }
}

const storeWithSessions: OptionCheck = (value) =>
  typeof Reflect.get(Object(Reflect.get(Object(value), "sessions")), "load") ===
  "function"
    ? undefined
    : "an object with `sessions`, such as dynamoDBStore() or memoryStores()";

const MEMORY_KINDS: readonly unknown[] = [
  "full",
  "sliding-window",
  "token-budget",
  "summary",
] satisfies MemoryStrategy["kind"][];

const memoryStrategy: OptionCheck = (value) =>
  MEMORY_KINDS.includes(Reflect.get(Object(value), "kind"))
    ? undefined
    : "full(), slidingWindow(), tokenBudget() or summary()";

export const settingChecks = {
  store: storeWithSessions,
  ttlHours: check.ttlHours,
  memory: memoryStrategy,
  conflict: check.oneOf("rebase", "reject", "lock"),
};

const DEFAULT_TENANT = "default";
const DEFAULT_TTL_HOURS = 24;
const MS_PER_HOUR = 3_600_000;

const sessionChecks = {
  ...settingChecks,
  id: check.text,
  tenant: check.text,
  context: check.object,
  idempotencyKey: check.text,
};

/** The options of a session with their defaults. @throws {ConfigurationError} */
export function sessionSettings(options: SessionOptions) {
  validateOptions("Session", sessionChecks, options);
  requireOptions("Session", options, ["store", "id"]);
  const { store, id, context, idempotencyKey } = options;
  const { tenant = isolatedTenant(context) ?? DEFAULT_TENANT } = options;
  const { ttlHours = DEFAULT_TTL_HOURS, conflict = "rebase" } = options;
  checkId("session id", id);
  checkId("tenant", tenant);
  const { memory = slidingWindow() } = options;
  const ttlMs = ttlHours * MS_PER_HOUR;
  return {
    ...{ store, id, tenant, memory, conflict, ttlMs },
    ...{ context, idempotencyKey },
  };
}

/** @throws {ConfigurationError} for an option that has to be given and is not. */
export function requireOptions(
  owner: string,
  options: object,
  names: readonly string[],
): void {
  for (const name of names)
    if (Reflect.get(options, name) === undefined)
      throw new ConfigurationError(
        `${owner}: the option "${name}" is missing.`,
      );
}

/** The id that a request names. @throws {SessionIdError} */
export function checkedSessionId(id: unknown, event?: unknown): string {
  if (id === undefined || id === null)
    throw new SessionIdError("The request does not name a session.", {
      cause: new ConfigurationError(
        `session: the option "id" returned ${id} for this event.${typeof Reflect.get(Object(event), "body") === "string" ? " Its body is a string: put httpJsonBodyParser() before session()." : ""}`,
      ),
    });
  if (id instanceof Promise)
    throw new ConfigurationError(
      'session: the option "id" must return the id, not a promise of it.',
    );
  try {
    checkId("session id", id);
  } catch (error) {
    // It came with the request, so it is the caller's to correct.
    throw new SessionIdError((error as Error).message);
  }
  return id;
}

/** The name that a request gives itself, if it does. @throws {SessionIdError} */
export function checkedIdempotencyKey(key: unknown): string | undefined {
  if (key === undefined || key === null) return undefined;
  if (typeof key === "string" && key !== "") return key;
  throw new SessionIdError(
    "The request's idempotency key must be a text that is not empty.",
  );
}
