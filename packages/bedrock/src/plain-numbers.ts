/**
 * The AWS SDK gives a number that a double cannot hold, such as an id of 17 digits or pi to the 20th, as a `bigint` or as an
 * object of its own. Here it is the double that `JSON.parse` makes of it, as in a stream: what a tool expects, and can be stored.
 *
 * Changes the value in place, which nobody else has, and returns it.
 */
export function plainNumbers<T>(value: T): T {
  const whole = [value];
  const rest: object[] = [whole];
  for (let next = rest.pop(); next !== undefined; next = rest.pop())
    for (const [name, part] of Object.entries(next))
      if (typeof part === "bigint" || isOfSdk(part))
        Reflect.set(next, name, Number(part));
      else if (typeof part === "object" && part !== null) rest.push(part);
  // Not changed in its shape.
  return whole[0] as T;
}

/** Its class may have another name in a bundle. An object that a model has written has no text of its own. */
function isOfSdk(value: unknown): boolean {
  const { type, string }: Record<string, unknown> = Object(value);
  return (
    type === "bigDecimal" &&
    typeof string === "string" &&
    String(value) === string
  );
}
