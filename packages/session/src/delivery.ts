import { hash, randomUUID } from "node:crypto";
import type { Invocation } from "@lambdallm/core/feature";
import type { SessionMessage, Turn } from "@lambdallm/core/stores";
import { sameData } from "./snapshot.ts";

/** By invocation, because several Session objects of one invocation can write to the same session. */
const claims = new WeakMap<Invocation, Set<string>>();

interface ContextWithId {
  readonly awsRequestId?: string;
  /** Where a durable context keeps Lambda's own. */
  readonly lambdaContext?: { readonly awsRequestId?: string };
}

/**
 * One of the deliveries of a request, which may come again when nobody knows what became of it. Its turns bear the name of
 * the request, so that the other deliveries find them.
 */
export class Delivery {
  readonly #request: string;
  /** The write ids of turns that this delivery has written, or taken for its own. */
  readonly #claimed: Set<string>;

  constructor({
    context = {},
    invocation,
    idempotencyKey,
  }: {
    readonly context?: ContextWithId | undefined;
    readonly invocation?: Invocation | undefined;
    readonly idempotencyKey?: string | undefined;
  }) {
    const { awsRequestId, lambdaContext } = context;
    this.#request =
      idempotencyKey === undefined
        ? (awsRequestId ?? lambdaContext?.awsRequestId ?? randomUUID())
        : // Of any length, and with any character in it.
          hash("sha256", idempotencyKey, "base64url");
    this.#claimed = claimsOf(invocation);
  }

  /** Writes a turn. One whose write failed may be there nevertheless, and can be found by the next try. */
  async write<T>(append: (writeId: string) => Promise<T>): Promise<T> {
    const writeId = `${this.#request}/${randomUUID()}`;
    this.#claimed.add(writeId);
    try {
      return await append(writeId);
    } catch (error) {
      this.#claimed.delete(writeId);
      throw error;
    }
  }

  claim({ writeId }: Turn): void {
    this.#claimed.add(writeId);
  }

  /** Whether a turn of another delivery is about the same messages, and has a whole answer where one belongs to it. */
  isRepeatedBy(
    turn: Turn,
    asked: readonly SessionMessage[],
    answers: 0 | 1,
  ): boolean {
    const { messages } = turn;
    return (
      this.#isOfAnother(turn) &&
      messages.length === asked.length + answers &&
      !isIncomplete(messages) &&
      messages.slice(asked.length).every(({ role }) => role === "assistant") &&
      sameData(messages.slice(0, asked.length), asked)
    );
  }

  /** Whether a turn is one that broke off in another delivery. */
  isBrokenTry(turn: Turn): boolean {
    return this.#isOfAnother(turn) && isIncomplete(turn.messages);
  }

  #isOfAnother({ writeId }: Turn): boolean {
    return (
      writeId.startsWith(`${this.#request}/`) && !this.#claimed.has(writeId)
    );
  }
}

export function isIncomplete(messages: readonly SessionMessage[]): boolean {
  // Stored messages can be anything.
  return messages.some((message) => message?.incomplete === true);
}

function claimsOf(invocation: Invocation | undefined): Set<string> {
  if (invocation?.parent !== undefined) return claimsOf(invocation.parent);
  if (invocation === undefined) return new Set();
  const claimed = claims.get(invocation) ?? new Set<string>();
  claims.set(invocation, claimed);
  return claimed;
}
