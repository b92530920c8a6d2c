import { hash, randomUUID } from "node:crypto";
import type {
  Invocation,
  SessionKey,
  SessionMessage,
  Turn,
} from "@lambdallm/core";
import { sameData } from "./snapshot.ts";

/** By invocation, because several Session objects of one invocation can write to the same session. */
const counters = new WeakMap<object, Map<string, number>>();

interface ContextWithId {
  readonly awsRequestId?: string;
  /** Where a durable context keeps Lambda's own. */
  readonly lambdaContext?: { readonly awsRequestId?: string };
}

/** Names for the turns of a request, the same ones when it comes again: what names it, and the number of the turn in it. */
export class TurnNames {
  readonly #request: string;
  readonly #counts: Map<string, number>;
  readonly #counter: string;

  constructor(
    { tenantId, sessionId }: SessionKey,
    {
      context = {},
      invocation,
      idempotencyKey,
    }: {
      readonly context?: ContextWithId | undefined;
      readonly invocation?: Invocation | undefined;
      readonly idempotencyKey?: string | undefined;
    },
  ) {
    const { awsRequestId, lambdaContext } = context;
    this.#request =
      idempotencyKey === undefined
        ? (awsRequestId ?? lambdaContext?.awsRequestId ?? randomUUID())
        : // Of any length, and with any character in it.
          hash("sha256", idempotencyKey, "base64url");
    this.#counts = countsOf(invocation);
    this.#counter = `${tenantId}#${sessionId}#${this.#request}`;
  }

  next(): string {
    const number = (this.#counts.get(this.#counter) ?? 0) + 1;
    this.#counts.set(this.#counter, number);
    return `${this.#request}/${number}`;
  }
}

/** Of its own for each write: what another delivery of the request has written must not be taken for this one. */
export function writeIdOf(name: string): string {
  return `${name}/${randomUUID()}`;
}

/** Whether a turn is what a request of this name has asked, and has had a whole answer when there is one. */
export function isTurn(
  { writeId, messages }: Turn,
  name: string,
  asked: readonly SessionMessage[],
  answers: 0 | 1,
): boolean {
  return (
    isNamed(writeId, name) &&
    messages.length === asked.length + answers &&
    !isIncomplete(messages) &&
    messages.slice(asked.length).every(({ role }) => role === "assistant") &&
    sameData(messages.slice(0, asked.length), asked)
  );
}

/** Whether a turn is what is left of an earlier try of the request of this name. */
export function isBrokenTry({ writeId, messages }: Turn, name: string) {
  return isNamed(writeId, name) && isIncomplete(messages);
}

export function isIncomplete(messages: readonly SessionMessage[]): boolean {
  // Stored messages can be anything.
  return messages.some((message) => message?.incomplete === true);
}

function isNamed(writeId: string, name: string): boolean {
  return writeId.startsWith(`${name}/`);
}

function countsOf(invocation: Invocation | undefined): Map<string, number> {
  if (invocation?.parent !== undefined) return countsOf(invocation.parent);
  if (invocation === undefined) return new Map();
  const counts = counters.get(invocation) ?? new Map<string, number>();
  counters.set(invocation, counts);
  return counts;
}
