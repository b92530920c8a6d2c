import { isObject } from "@lambdallm/core/feature";
import {
  arrayAt,
  type JsonObject,
  member,
  numberAt,
  stringAt,
} from "../json.ts";
import { findBoolean, findChoice, findChoices } from "./find-choice.ts";
import { findNumber, numbersIn, withinBounds } from "./find-number.ts";
import { type Field, fallbackString, findString } from "./find-string.ts";
import { findStrings } from "./find-strings.ts";
import { sentencesOf } from "./text.ts";

/** A value for a schema, and whether the text said so or it had to be made up. */
interface Filled {
  readonly value: unknown;
  readonly found: boolean;
}

interface Place extends Field {
  readonly root: unknown;
  readonly depth: number;
}

/** Schemas may contain themselves; nobody nests deeper by hand. */
const DEEPEST = 12;

/**
 * A value that satisfies a JSON Schema, with what the text says in it: strings and numbers next to their property's
 * name, choices that are mentioned, lists. Optional members without evidence are left out; required ones are made up.
 */
export function fillSchema(schema: unknown, text: string): unknown {
  return fill(schema, placeOf(schema, text)).value;
}

/** The value, if the text has evidence for every required member; else undefined. */
export function findMembers(schema: unknown, text: string): unknown {
  const filled = fill(schema, placeOf(schema, text));
  return filled.found ? filled.value : undefined;
}

function placeOf(root: unknown, text: string): Place {
  return { root, text, depth: 0, name: "", description: "" };
}

function fill(given: unknown, place: Place): Filled {
  const schema = resolved(given, place);
  const field = {
    ...place,
    description: stringAt(schema, "description") ?? place.description,
  };
  if (Object.hasOwn(schema, "const"))
    return { value: schema["const"], found: true };
  const choices = arrayAt(schema, "enum");
  if (choices.length > 0) {
    const chosen = findChoice(choices, field);
    return made(chosen, () => defaultOf(schema) ?? fallbackChoice(choices));
  }
  const branches = [...arrayAt(schema, "anyOf"), ...arrayAt(schema, "oneOf")];
  if (branches.length > 0) return fillBranch(branches, field);
  switch (typeOf(schema)) {
    case "object":
      return fillObject(schema, field);
    case "array":
      return fillArray(schema, field);
    case "number":
    case "integer":
      return made(findNumber(schema, field), () =>
        withinBounds(schema, Number(defaultOf(schema) ?? 0)),
      );
    case "boolean":
      return made(findBoolean(field), () => defaultOf(schema) ?? false);
    case "null":
      return { value: null, found: true };
    default: {
      const { value, found } = made(
        findString(schema, field),
        () => defaultOf(schema) ?? fallbackString(schema, field),
      );
      return { value: fitted(String(value), schema), found };
    }
  }
}

function made(value: unknown, fallback: () => unknown): Filled {
  return value === undefined
    ? { value: fallback(), found: false }
    : { value, found: true };
}

function defaultOf(schema: JsonObject): unknown {
  return member(schema, "default");
}

function fallbackChoice(choices: readonly unknown[]): unknown {
  const open = choices.find((choice) =>
    /^(?:other|unknown|none|neutral)$/i.test(String(choice)),
  );
  return open ?? choices[0];
}

function fillBranch(branches: readonly unknown[], place: Place): Filled {
  const filled = branches
    .filter((branch) => stringAt(branch, "type") !== "null")
    .map((branch) => fill(branch, deeper(place)));
  const isOptional = filled.length < branches.length;
  return (
    filled.find(({ found }) => found) ??
    (isOptional ? undefined : filled[0]) ?? { value: null, found: true }
  );
}

function fillObject(schema: JsonObject, place: Place): Filled {
  const properties = Object.entries(member(schema, "properties") ?? {});
  const required = new Set(arrayAt(schema, "required"));
  const members: [string, unknown][] = [];
  let isComplete = true;
  let foundAny = false;
  if (place.depth > DEEPEST) return { value: {}, found: false };
  for (const [name, inner] of properties) {
    const { value, found } = fill(inner, {
      ...deeper(place),
      name,
      description: "",
    });
    foundAny ||= found;
    if (required.has(name)) isComplete &&= found;
    if (found || required.has(name)) members.push([name, value]);
  }
  return {
    // Unlike an assignment, this makes an own member of any name, `__proto__` included.
    value: Object.fromEntries(members),
    found:
      isComplete && (foundAny || properties.length === 0 || place.depth === 0),
  };
}

function fillArray(schema: JsonObject, place: Place): Filled {
  const items = resolved(member(schema, "items"), place);
  const maxItems = numberAt(schema, "maxItems") ?? 10;
  const minItems = Math.min(numberAt(schema, "minItems") ?? 0, 100);
  const found =
    place.depth > DEEPEST ? [] : itemsIn(items, place).slice(0, maxItems);
  const values = [...found];
  while (values.length < minItems)
    values.push(fill(items, deeper(place)).value);
  return { value: values, found: found.length > 0 };
}

function itemsIn(items: JsonObject, place: Place): readonly unknown[] {
  const choices = arrayAt(items, "enum");
  if (choices.length > 0) return findChoices(choices, place);
  switch (typeOf(items)) {
    case "object":
      return sentencesOf(place.text)
        .map((text) => fill(items, { ...deeper(place), text }))
        .filter(({ found }) => found)
        .map(({ value }) => value);
    case "number":
    case "integer":
      return numbersIn(place.text).map(({ value }) =>
        withinBounds(items, value),
      );
    case "string":
      return findStrings(items, place);
    default:
      return [];
  }
}

function typeOf(schema: JsonObject): string | undefined {
  const type = member(schema, "type");
  if (typeof type === "string") return type;
  const first = arrayAt(schema, "type").find((name) => name !== "null");
  if (typeof first === "string") return first;
  if (isObject(member(schema, "properties"))) return "object";
  return isObject(member(schema, "items")) ? "array" : undefined;
}

/** The schema itself, with references followed and `allOf` merged. */
function resolved(given: unknown, place: Place): JsonObject {
  let schema = given;
  for (let step = 0; step < DEEPEST; step++) {
    const reference = stringAt(schema, "$ref");
    if (reference === undefined) break;
    schema = reference
      .split("/")
      .slice(1)
      .reduce<unknown>(
        (target, key) =>
          member(target, key.replaceAll("~1", "/").replaceAll("~0", "~")),
        place.root,
      );
  }
  if (!isObject(schema)) return {};
  const parts = arrayAt(schema, "allOf");
  if (parts.length === 0 || place.depth > DEEPEST) return schema;
  return [...parts.map((part) => resolved(part, deeper(place)))].reduce(
    merged,
    {
      ...schema,
      allOf: [],
    },
  );
}

function merged(left: JsonObject, right: JsonObject): JsonObject {
  return {
    ...left,
    ...right,
    properties: {
      ...(member(left, "properties") as object | undefined),
      ...(member(right, "properties") as object | undefined),
    },
    required: [...arrayAt(left, "required"), ...arrayAt(right, "required")],
  };
}

function deeper<T extends Place>(place: T): T {
  return { ...place, depth: place.depth + 1 };
}

function fitted(text: string, schema: JsonObject): string {
  const maxLength = numberAt(schema, "maxLength") ?? Infinity;
  const minLength = Math.min(numberAt(schema, "minLength") ?? 0, 1000);
  return text.slice(0, maxLength).padEnd(minLength, ".");
}
