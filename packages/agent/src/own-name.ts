/** Says which of many it is, as in `tool "weather"`, where what was given tells it. */
export function ownName(kind: string, options: unknown): string {
  const name: unknown = Reflect.get(Object(options), "name");
  return typeof name === "string" ? `${kind} "${name}"` : kind;
}
