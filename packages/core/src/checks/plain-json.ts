import { isUint8Array } from "node:util/types";
import { ConfigurationError } from "../contract/errors.ts";
import { isTooDeep } from "./too-deep.ts";

/**
 * Whoever compiles, measures or serialises a message walks through it by recursion. A thousand levels of JSON are far more
 * than tools need, and fit on any stack; the others are those of the block around it.
 */
const MOST_LEVELS = 1_000 + 4;

/**
 * A value as JSON carries it: a Date, and whatever else has a `toJSON`, becomes what that gives. Bytes stay bytes. What needs no change is
 * returned as it is, and nothing is changed in place.
 *
 * @param place What the message of the error begins with.
 * @throws {ConfigurationError} naming the place of what JSON does not have.
 */
export function plainJson<T>(value: T, place: string): T {
  if (isTooDeep(value, MOST_LEVELS)) throw tooDeep(place);
  // Of the same shape, as far as JSON can have it.
  return new Walk(place).plain(value, "") as T;
}

class Walk {
  readonly #place: string;
  readonly #path: string[] = [];
  /** What is used at several places is walked through once: its places can be more than anybody can visit. */
  readonly #known = new Map<object, object>();

  constructor(place: string) {
    this.#place = place;
  }

  plain(given: unknown, key: string): unknown {
    const value = this.#converted(given, key);
    if (["bigint", "function", "symbol"].includes(typeof value))
      this.#refuse(`is a ${typeof value}, which JSON does not have.`);
    if (typeof value !== "object" || value === null || isUint8Array(value))
      return value;
    // What a toJSON gives has not been measured yet.
    if (this.#path.length >= MOST_LEVELS) throw tooDeep(this.#place);
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const plain = Array.isArray(value)
      ? this.#list(value)
      : this.#fields(value);
    this.#known.set(value, plain);
    return plain;
  }

  #list(items: readonly unknown[]): readonly unknown[] {
    const plain = Array.from(items, (item, index) =>
      item === undefined ? null : this.#at(`[${index}]`, item, `${index}`),
    );
    return plain.some((item, index) => !Object.is(item, items[index]))
      ? plain
      : items;
  }

  #fields(value: object): object {
    let isPlain = true;
    const entries = Object.entries(value).map(([name, field]) => {
      const plain = this.#at(stepTo(name), field, name);
      isPlain &&= Object.is(plain, field);
      return [name, plain] as const;
    });
    return isPlain ? value : Object.fromEntries(entries);
  }

  #at(step: string, value: unknown, key: string): unknown {
    this.#path.push(step);
    const plain = this.plain(value, key);
    this.#path.pop();
    return plain;
  }

  #converted(value: unknown, key: string): unknown {
    const toJSON = isUint8Array(value) ? undefined : toJSONOf(value);
    if (toJSON === undefined) return value;
    let json: unknown;
    try {
      json = toJSON.call(value, key);
    } catch (cause) {
      this.#refuse("has a toJSON that throws.", cause);
    }
    if (json === undefined) this.#refuse("has a toJSON that gives undefined.");
    return json;
  }

  #refuse(what: string, cause?: unknown): never {
    throw new ConfigurationError(
      `${this.#place}${this.#path.join("")} ${what}`,
      { cause },
    );
  }
}

/** A name that no program has chosen may be content: it is not named. */
function stepTo(name: string): string {
  return /^[a-z_$][\w$]{0,39}$/i.test(name) ? `.${name}` : "[...]";
}

/** The place would be as long as it is deep. */
function tooDeep(place: string): ConfigurationError {
  return new ConfigurationError(
    `${place} is nested too deeply, or contains itself: JSON can have 1000 levels at most.`,
  );
}

function toJSONOf(
  value: unknown,
): ((this: unknown, key: string) => unknown) | undefined {
  const canHave =
    (typeof value === "object" && value !== null) || typeof value === "bigint";
  const toJSON: unknown = canHave
    ? Reflect.get(Object(value), "toJSON")
    : undefined;
  // Called as JSON.stringify calls it.
  return typeof toJSON === "function" ? (toJSON as () => unknown) : undefined;
}

/** How long a value is as JSON, with its bytes in base64. */
export function jsonBytes(value: unknown): number {
  let base64 = 0;
  const json = JSON.stringify(value, function (this: object, key, field) {
    // Before a Buffer has become a list of numbers.
    const given: unknown = Reflect.get(this, key);
    if (!isUint8Array(given)) return field;
    base64 += 4 * Math.ceil(given.length / 3);
    return { $bytes: "" };
  });
  return Buffer.byteLength(json) + base64;
}
