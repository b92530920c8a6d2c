import { ModelInvocationError } from "@lambdallm/core";
import { type Adaptation, modelName } from "@lambdallm/core/feature";

/** Collects what a request is sent without, or in other words, because the model does not take it. */
export class Changes {
  readonly list: Adaptation[] = [];

  leftOut(setting: string, reason: string): void {
    this.list.push({ setting, change: "left-out", reason });
  }

  changed(setting: string, reason: string): void {
    this.list.push({ setting, change: "changed", reason });
  }
}

/**
 * The model cannot do what the request asks for, and there is no other way to say it. Nothing was sent; a fallback to another
 * model can cure it.
 *
 * @param place Where it stands in the request.
 */
export function incapable(
  model: string,
  place: string,
  what: string,
): ModelInvocationError {
  return new ModelInvocationError(
    `The model ${modelName(model)} ${what}: ${place}.`,
    { reason: "capability", model, billed: "none" },
  );
}
