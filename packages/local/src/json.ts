import { isObject } from "@lambdallm/core/feature";

/** Parsed JSON from outside: every member has to be looked at before it is used. */
export type JsonObject = { readonly [key: string]: unknown };

/** An own member, so that `constructor` or `toString` are never found on hostile input. */
export function member(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function objectAt(value: unknown, key: string): JsonObject | undefined {
  const found = member(value, key);
  return isObject(found) ? found : undefined;
}

export function stringAt(value: unknown, key: string): string | undefined {
  const found = member(value, key);
  return typeof found === "string" ? found : undefined;
}

export function numberAt(value: unknown, key: string): number | undefined {
  const found = member(value, key);
  return typeof found === "number" ? found : undefined;
}

/** The members of an array; nothing when there is none. */
export function arrayAt(value: unknown, key: string): readonly unknown[] {
  const found = member(value, key);
  return Array.isArray(found) ? found : [];
}

/** Parses JSON text; `undefined` when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** An object without the members that are undefined, which JSON and `exactOptionalPropertyTypes` both want gone. */
export function defined<T extends object>(
  members: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  // The cast is what the filter does: no value left is undefined.
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]: Exclude<T[K], undefined> };
}
