import type { Invocation } from "@lambdallm/core/feature";

/*
 * Events of other features. Their packages declare them, and this one does not import those: what is taken of them is read as
 * of something foreign.
 */
type ForeignEvent =
  | "retry"
  | "fallback"
  | "budget-exceeded"
  | "run-start"
  | "run-suspend";

/** Listens to an event of another feature; the listener reads what it needs of it with `Reflect.get`. */
export function onForeign(
  { events }: Invocation,
  name: ForeignEvent,
  listener: (event: object) => void,
): void {
  // Only the features that emit them declare their names.
  const on = events.on.bind(events) as (
    name: string,
    listener: (event: unknown) => void,
  ) => () => void;
  on(name, (event) => listener(Object(event)));
}
