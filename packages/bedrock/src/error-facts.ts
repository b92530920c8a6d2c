import type { Refusal } from "./classify.ts";

/** What the whole text of an error says to this package, and that the error itself does not carry. */
export interface Facts {
  /** The way to an answer in a shape that was refused. */
  readonly refuses?: Refusal | undefined;
  /** The largest `maxTokens` that the model's context has room for beside the prompt. */
  readonly fittingMaxTokens?: number | undefined;
}

const NOTHING: Facts = {};

const facts = new WeakMap<object, Facts>();

export function note(error: Error, said: Facts): void {
  facts.set(error, said);
}

/** Nothing for errors that were made elsewhere, and for answers that had begun. */
export function factsOf(error: unknown): Facts {
  return facts.get(Object(error)) ?? NOTHING;
}
