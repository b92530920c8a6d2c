import { enclosing, type Operation } from "@lambdallm/core/feature";
import { spanIdOf } from "./run-trace.ts";

/** Span ids that follow from a run: the same span has the same one wherever it is made, and a second start of a step has others. */
export class SpanIds {
  /** How many spans of a kind there are in a step. */
  readonly #ordinals = new WeakMap<Operation, Map<string, number>>();

  /**
   * @param cause What has begun; the operation itself, or something in it.
   * @returns Undefined outside of a step: nothing else says how often it was begun.
   */
  of({ kind }: Operation, cause: Operation): string | undefined {
    const step = enclosing(cause, "step");
    if (step === undefined) return undefined;
    const ordinals = this.#ordinals.get(step) ?? new Map<string, number>();
    const ordinal = (ordinals.get(kind) ?? 0) + 1;
    this.#ordinals.set(step, ordinals.set(kind, ordinal));
    const { run, position, start, attempt } = step;
    return spanIdOf(run.id, position, start, attempt, kind, ordinal);
  }
}
