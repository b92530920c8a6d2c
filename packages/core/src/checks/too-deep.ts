/**
 * Whether a value has more levels of objects and lists than that, or contains itself. It is no recursion, which would break
 * on the very values that it looks for, and takes a part that is used at several places for one.
 */
export function isTooDeep(value: unknown, mostLevels: number): boolean {
  const rest: (readonly [value: unknown, level: number])[] = [[value, 1]];
  const seen = new Map<object, number>();
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const [current, level] = next;
    // The bytes of a file are no levels, and there are millions of them.
    if (!isNested(current) || ArrayBuffer.isView(current)) continue;
    if (level > mostLevels) return true;
    const parts = Object.values(current).filter(isNested);
    // Most objects hold texts and numbers only, and are looked at again faster than they are remembered.
    if (parts.length === 0 || (seen.get(current) ?? 0) >= level) continue;
    seen.set(current, level);
    for (const part of parts) rest.push([part, level + 1]);
  }
  return false;
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
