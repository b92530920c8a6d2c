import { types } from "node:util";
import { ConfigurationError } from "../contract/errors.ts";

/** The only key of an object that stands for bytes. The same key of the caller's own objects gets one more `$`. */
const BYTES = "$bytes";
const OWN_KEY = /^\$+bytes$/;
const ESCAPED_KEY = /^\$\$+bytes$/;

/**
 * JSON in which bytes survive, for `fromJson`: a Uint8Array becomes `{"$bytes": "..."}` with its base64, and nothing else reads
 * like one.
 *
 * @param name What the value is, for the error.
 * @throws {ConfigurationError} The value has no JSON.
 */
export function toJson(name: string, value: unknown): string {
  try {
    const json = JSON.stringify(encode(value));
    if (typeof json === "string") return json;
  } catch (cause) {
    throw new ConfigurationError(`The ${name} cannot be written as JSON.`, {
      cause,
    });
  }
  throw new ConfigurationError(`The ${name} has no JSON.`);
}

/**
 * The value whose text `toJson` gave, with `__proto__` as a key like any other.
 *
 * @throws {SyntaxError} The text is no JSON. Its message quotes the text.
 */
export function fromJson(json: string): unknown {
  // Reviving takes time, and only what was encoded needs it.
  return json.includes(BYTES) ? JSON.parse(json, decode) : JSON.parse(json);
}

function encode(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (types.isUint8Array(value)) return { [BYTES]: base64(value) };
  if (Array.isArray(value)) return value.map(encode);
  const toJSON: unknown = Reflect.get(value, "toJSON");
  if (typeof toJSON === "function") return encode(toJSON.call(value, ""));
  return renamed(value, (key) => (OWN_KEY.test(key) ? `$${key}` : key), encode);
}

function decode(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === BYTES)
    return new Uint8Array(
      Buffer.from(String(Object.values(value)[0]), "base64"),
    );
  return keys.some((key) => ESCAPED_KEY.test(key))
    ? renamed(value, (key) => (ESCAPED_KEY.test(key) ? key.slice(1) : key))
    : value;
}

/** Object.fromEntries defines properties, so that no key, such as `__proto__`, is special. */
function renamed(
  value: object,
  rename: (key: string) => string,
  convert: (value: unknown) => unknown = (inner) => inner,
): object {
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [rename(key), convert(inner)]),
  );
}

function base64(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes;
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}
