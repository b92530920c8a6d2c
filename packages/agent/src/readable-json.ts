import { isUint8Array } from "node:util/types";
import type { JsonValue } from "@lambdallm/core";
import { isThenable } from "@lambdallm/core/feature";

/** Deeper is no data that a model reads, and near the end of a stack. */
const MOST_LEVELS = 100;

/** Objects that share their parts can have more places than anybody can visit. */
const MOST_VALUES = 1_000_000;

const TOO_DEEP = "(nested too deeply)";
const CIRCULAR = "(contains itself)";
const TOO_MANY = "(too many values)";
const UNREADABLE = "(cannot be read)";

/**
 * Any value as the JSON that says most of it: what has no JSON is said in words in its place. Undefined for what JSON leaves
 * out: undefined, functions and symbols. Never throws.
 */
export function readableJson(value: unknown): JsonValue | undefined {
  return new Reader().read(value);
}

class Reader {
  readonly #open = new Set<object>();
  #count = 0;

  read(value: unknown): JsonValue | undefined {
    this.#count += 1;
    if (this.#count > MOST_VALUES) return TOO_MANY;
    switch (typeof value) {
      case "string":
        return value.toWellFormed();
      case "boolean":
        return value;
      case "number":
        return Number.isFinite(value) ? value : String(value);
      case "bigint":
        return Number.isSafeInteger(Number(value))
          ? Number(value)
          : String(value);
      case "object":
        return value === null ? null : this.#object(value);
      default:
        return undefined;
    }
  }

  #object(value: object): JsonValue | undefined {
    if (this.#open.has(value)) return CIRCULAR;
    if (this.#open.size >= MOST_LEVELS) return TOO_DEEP;
    this.#open.add(value);
    try {
      return this.#parts(value);
    } catch {
      // A getter, a `toJSON` or a proxy of the tool's own.
      return UNREADABLE;
    } finally {
      this.#open.delete(value);
    }
  }

  #parts(value: object): JsonValue | undefined {
    if (isUint8Array(value)) return `(${value.length} bytes)`;
    if (isThenable(value)) return "(a promise that nobody awaited)";
    const toJSON: unknown = Reflect.get(value, "toJSON");
    if (typeof toJSON === "function") return this.read(toJSON.call(value, ""));
    if (Array.isArray(value) || value instanceof Set)
      return Array.from(value, (item) => this.read(item) ?? null);
    if (value instanceof Map) return this.#fields([...value]);
    if (value instanceof Error)
      return this.#fields([
        ["name", value.name],
        ["message", value.message],
        ...Object.entries(value),
      ]);
    const entries = Object.entries(value);
    const kind: unknown = value.constructor?.name;
    return entries.length === 0 && kind !== undefined && kind !== "Object"
      ? `(a ${String(kind)}, which has no JSON)`
      : this.#fields(entries);
  }

  #fields(entries: readonly (readonly [unknown, unknown])[]): JsonValue {
    const fields: [string, JsonValue][] = [];
    for (const [name, value] of entries) {
      const json = this.read(value);
      if (json !== undefined) fields.push([nameOf(name), json]);
    }
    // Defines properties, so that no name, such as `__proto__`, is special.
    return Object.fromEntries(fields);
  }
}

/** The keys of a Map are anything. */
function nameOf(key: unknown): string {
  return typeof key === "object" && key !== null
    ? "(an object)"
    : String(key).toWellFormed();
}
