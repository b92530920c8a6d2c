import { randomUUID } from "node:crypto";
import type { Invocation, SessionKey } from "@lambdallm/core";

/** By invocation, because several Session objects of one invocation can write to the same session. */
const counters = new WeakMap<object, Map<string, number>>();

interface ContextWithId {
  readonly awsRequestId?: string;
  /** Where a durable context keeps Lambda's own. */
  readonly lambdaContext?: { readonly awsRequestId?: string };
}

/**
 * Names for the turns that an invocation writes to a session, the same ones when Lambda delivers the request again: its id
 * and the number of the turn in it.
 */
export class WriteIds {
  readonly #requestId: string;
  readonly #counts: Map<string, number>;
  readonly #name: string;

  constructor(
    { tenantId, sessionId }: SessionKey,
    context: ContextWithId = {},
    invocation?: Invocation,
  ) {
    const { awsRequestId, lambdaContext } = context;
    this.#requestId =
      awsRequestId ?? lambdaContext?.awsRequestId ?? randomUUID();
    this.#counts = countsOf(invocation);
    this.#name = `${tenantId}#${sessionId}`;
  }

  next(): string {
    const number = (this.#counts.get(this.#name) ?? 0) + 1;
    this.#counts.set(this.#name, number);
    return `${this.#requestId}/${number}`;
  }
}

/** For a turn that another delivery is to write again, not to find: an answer that broke off. */
export function tryOf(writeId: string): string {
  return `${writeId}/${randomUUID()}`;
}

export function isTryOf(writeId: string, other: string): boolean {
  return other.startsWith(`${writeId}/`);
}

function countsOf(invocation: Invocation | undefined): Map<string, number> {
  if (invocation?.parent !== undefined) return countsOf(invocation.parent);
  if (invocation === undefined) return new Map();
  const counts = counters.get(invocation) ?? new Map<string, number>();
  counters.set(invocation, counts);
  return counts;
}
