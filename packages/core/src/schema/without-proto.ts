/** Removes own keys named `__proto__` from a value that JSON.parse made, in place and at any depth. */
export function withoutProto(value: unknown): unknown {
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const current = rest.pop();
    if (typeof current !== "object" || current === null) continue;
    if (Object.hasOwn(current, "__proto__"))
      Reflect.deleteProperty(current, "__proto__");
    for (const inner of Object.values(current)) rest.push(inner);
  }
  return value;
}
