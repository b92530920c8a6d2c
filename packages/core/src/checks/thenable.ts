/** Whether it can be awaited for something else than itself. `instanceof Promise` is false for promises of another realm, as under Jest. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "then") === "function"
  );
}
