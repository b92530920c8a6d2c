import { ConfigurationError } from "../contract/errors.ts";
import { isObject } from "./is-object.ts";

/** Says what an option must be, such as `a positive integer`, or nothing when the value is one. */
export type OptionCheck = (value: unknown) => string | undefined;

const expecting =
  (description: string, accepts: (value: unknown) => boolean): OptionCheck =>
  (value) =>
    accepts(value) ? undefined : description;

/** A hundred years. No store could read an end again that lies beyond all dates. */
const LONGEST_TTL_HOURS = 876_000;

/** The checks that options are made of. */
export const check = {
  boolean: expecting("true or false", (value) => typeof value === "boolean"),
  function: expecting("a function", (value) => typeof value === "function"),
  object: expecting("an object", isObject),
  signal: expecting("an AbortSignal", (value) => value instanceof AbortSignal),
  string: expecting("a string", (value) => typeof value === "string"),
  text: expecting(
    "a non-empty string",
    (value) => typeof value === "string" && value.trim() !== "",
  ),
  positiveInteger: expecting(
    "a positive integer",
    (value) => Number.isSafeInteger(value) && Number(value) > 0,
  ),
  wholeNumber: expecting(
    "a whole number of at least 0",
    (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  ),
  atLeastZero: expecting(
    "a finite number of at least 0",
    (value) => Number.isFinite(value) && Number(value) >= 0,
  ),
  zeroToOne: expecting(
    "a number from 0 to 1",
    (value) =>
      Number.isFinite(value) && Number(value) >= 0 && Number(value) <= 1,
  ),
  ttlHours: expecting(
    `a number above 0, at most ${LONGEST_TTL_HOURS} (a hundred years), or Infinity`,
    (value) =>
      typeof value === "number" &&
      value > 0 &&
      (value <= LONGEST_TTL_HOURS || value === Number.POSITIVE_INFINITY),
  ),
  array: expecting("an array", Array.isArray),
  texts: expecting(
    "an array of strings",
    (value) =>
      Array.isArray(value) && value.every((item) => typeof item === "string"),
  ),
  textRecord: expecting(
    "an object whose values are strings",
    (value) =>
      isObject(value) &&
      Object.values(Object(value)).every((item) => typeof item === "string"),
  ),
  textOrBlocks: expecting(
    "a string or an array of content blocks",
    (value) => typeof value === "string" || Array.isArray(value),
  ),
  listOf: (...allowed: readonly unknown[]) =>
    expecting(
      `an array of ${allowed.map(String).join(", ")}`,
      (value) =>
        Array.isArray(value) && value.every((item) => allowed.includes(item)),
    ),
  recordOf: (item: OptionCheck, description: string) =>
    expecting(
      description,
      (value) =>
        isObject(value) &&
        Object.values(Object(value)).every((each) => item(each) === undefined),
    ),
  oneOf: (...allowed: readonly unknown[]) =>
    expecting(`one of ${allowed.map(String).join(", ")}`, (value) =>
      allowed.includes(value),
    ),
  matching: (pattern: RegExp, description: string) =>
    expecting(
      description,
      (value) => typeof value === "string" && pattern.test(value),
    ),
} as const;

/**
 * Checks options once, when they are given. An undefined value counts as not given.
 *
 * @param required The names of those that have to be given.
 * @throws {ConfigurationError} naming the option: one that does not exist, has a wrong value, or is missing.
 */
export function validateOptions<Name extends string>(
  owner: string,
  checks: Readonly<Record<Name, OptionCheck>>,
  options: unknown,
  required: readonly NoInfer<Name>[] = [],
): void {
  const known: Readonly<Record<string, OptionCheck>> = checks;
  if (!isObject(options))
    throw new ConfigurationError(`${owner}: the options must be an object.`);
  for (const [name, value] of Object.entries(Object(options))) {
    const accepts = Object.hasOwn(known, name) ? known[name] : undefined;
    if (accepts === undefined)
      throw new ConfigurationError(
        `${owner}: there is no option "${name}". Options: ${Object.keys(checks).join(", ")}.`,
      );
    const expected = value === undefined ? undefined : accepts(value);
    if (expected !== undefined)
      throw new ConfigurationError(
        `${owner}: the option "${name}" must be ${expected}.`,
      );
  }
  for (const name of required)
    if (Reflect.get(options, name) === undefined)
      throw new ConfigurationError(
        `${owner}: the option "${name}" is missing: give ${checks[name](undefined)}.`,
      );
}
