import type { Delta, ModelRequest } from "../contract/model-call.ts";
import { ModelInvocationError } from "../contract/model-error.ts";
import { splitHalf } from "./whole-characters.ts";

/**
 * The caller's observers of one attempt. They are called for the kinds of deltas that they asked for, and what they throw is
 * remembered: that is the caller's, not the model's. Half a character at the end of a piece is held back, whoever the
 * provider is, until the next piece of the same kind, and of the same tool call.
 */
export class Observer {
  /** The request for the provider. */
  readonly request: ModelRequest;
  /** What an observer has thrown: anything, also undefined. */
  thrown: { readonly error: unknown } | undefined;

  readonly #given: ModelRequest;
  /** The halves that are held back, as deltas, by what they belong to. */
  readonly #held = new Map<string, Delta>();

  constructor(request: ModelRequest) {
    this.#given = request;
    const { onDelta, onActivity } = request;
    this.request = {
      ...request,
      ...(onDelta && { onDelta: (delta) => this.#read(delta) }),
      ...(onActivity && { onActivity: () => this.#call(onActivity) }),
    };
  }

  /**
   * The attempt has been answered: shows what is still held back, half a character at the very end of a text, as it came.
   * Not for an attempt that failed: half a character is nothing to show, and must not keep it from being repeated.
   *
   * @throws when an observer throws, or has thrown and the provider went on in spite of it.
   */
  end(): void {
    if (this.thrown !== undefined) throw ended();
    for (const half of this.#held.values()) this.#show(half);
  }

  #read(delta: Delta): void {
    const { deltas } = this.#given;
    if (deltas !== undefined && !deltas.includes(delta.kind)) return;
    const key = delta.kind === "tool" ? `tool ${delta.toolUseId}` : delta.kind;
    const held = this.#held.get(key);
    const piece = textOf(delta);
    const [whole, half] = splitHalf(
      held === undefined ? piece : textOf(held) + piece,
    );
    if (half === "") this.#held.delete(key);
    else this.#held.set(key, withText(delta, half));
    // An empty piece is shown as it came; one that is held back whole has not come yet.
    if (whole !== "" || piece === "") this.#show(withText(delta, whole));
  }

  #show(delta: Delta): void {
    this.#call(() => this.#given.onDelta?.(delta));
  }

  #call(observer: () => void): void {
    if (this.thrown !== undefined) throw ended();
    try {
      observer();
    } catch (error) {
      this.thrown = { error };
      throw ended();
    }
  }
}

/** For providers, in place of what an observer has thrown: that can be anything, and mean something else to them. */
function ended(): Error {
  return new Error("An observer of the call has ended it.");
}

function textOf(delta: Delta): string {
  return delta.kind === "tool" ? delta.input : delta.text;
}

function withText(delta: Delta, text: string): Delta {
  if (text === textOf(delta)) return delta;
  return delta.kind === "tool" ? { ...delta, input: text } : { ...delta, text };
}

/**
 * A provider that lets the signal's own reason through still fails as one error type. An interceptor that gives an
 * attempt up aborts it with the error that the attempt then has failed with.
 */
export function asFailure(
  error: unknown,
  request: ModelRequest,
  sent: boolean,
): unknown {
  const { signal, model } = request;
  if (!signal?.aborted) return error;
  const { reason } = signal;
  if (ModelInvocationError.isInstance(reason))
    return ModelInvocationError.isInstance(error) && error.partial
      ? reason.with({ billed: error.billed, partial: error.partial })
      : reason;
  if (error !== reason) return error;
  return aborted(model, sent ? "unknown" : "none", error);
}

export function aborted(
  model: string,
  billed: "unknown" | "none",
  cause: unknown,
): ModelInvocationError {
  return new ModelInvocationError("The model call was aborted.", {
    reason: "aborted",
    model,
    billed,
    cause,
  });
}
