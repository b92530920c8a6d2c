import { fromJson, toJson } from "../checks/json-with-bytes.ts";
import { plainJson } from "../checks/plain-json.ts";

/**
 * A value as every host gives it back: JSON and bytes, sharing nothing with what was given. Undefined stays undefined.
 *
 * @param place Names the value in errors.
 * @throws {ConfigurationError} It has no JSON.
 */
export function recordedCopy(
  value: unknown,
  place: string,
): { readonly value: unknown; readonly bytes: number } {
  if (value === undefined) return { value, bytes: 0 };
  const json = toJson(place, plainJson(value, place));
  return { value: fromJson(json), bytes: Buffer.byteLength(json) };
}
