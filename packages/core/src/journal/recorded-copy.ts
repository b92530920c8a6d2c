import { fromJson, toJson } from "../checks/json-with-bytes.ts";
import { plainJson } from "../checks/plain-json.ts";
import { isTooDeep } from "../checks/too-deep.ts";
import { ConfigurationError } from "../contract/errors.ts";

/** Stores take some more, for what stands around it. */
const MOST_LEVELS = 1_000;

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
  if (isTooDeep(value, MOST_LEVELS))
    throw new ConfigurationError(
      `${place} is nested too deeply, or contains itself: ${MOST_LEVELS} levels can be recorded.`,
    );
  const json = toJson(place, plainJson(value, place));
  return { value: fromJson(json), bytes: Buffer.byteLength(json) };
}
