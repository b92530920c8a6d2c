import { isDeepStrictEqual } from "node:util";
import { isObject } from "../checks/is-object.ts";
import { kindOf, quotedNames } from "../checks/words.ts";
import { ConfigurationError } from "../contract/errors.ts";
import type { NormalizedSchema } from "../schema/to-json-schema.ts";
import { compileValidator } from "../schema/validate.ts";

type Json = Readonly<Record<string, unknown>>;

interface Input {
  readonly types: readonly string[] | undefined;
  readonly allowed: readonly unknown[] | undefined;
  readonly isRequired: boolean;
  readonly hasDefault: boolean;
  readonly default?: unknown;
  /** What it must be, in words; empty when anything will do. */
  readonly expected: string;
}

interface Taken {
  /** What the schema judges. */
  readonly given: object;
  /** What the template is filled with. */
  readonly inserted: object;
}

const DESCRIPTIONS: ReadonlyMap<string, string> = new Map([
  ["string", "a string"],
  ["number", "a number"],
  ["integer", "an integer"],
  ["boolean", "true or false"],
  ["object", "an object"],
  ["array", "an array"],
  ["null", "null"],
]);

/** Keywords that say nothing about a value. */
const ANNOTATIONS = [
  "$comment",
  "$schema",
  "default",
  "deprecated",
  "description",
  "examples",
  "readOnly",
  "title",
  "writeOnly",
];
const CHECKED_OF_INPUT = new Set([...ANNOTATIONS, "type", "enum"]);
const CHECKED_OF_ALL = new Set([
  ...ANNOTATIONS,
  "type",
  "properties",
  "required",
]);

/** With one of these, inputs can be declared elsewhere than in `properties`. */
const DECLARING = [
  "$ref",
  "$dynamicRef",
  "additionalProperties",
  "allOf",
  "anyOf",
  "dependentSchemas",
  "if",
  "oneOf",
  "patternProperties",
  "unevaluatedProperties",
];

const MOST_ENUM_VALUES = 20;

/** The values that a prompt takes, as its input schema declares them. */
export class Inputs {
  readonly #owner: string;
  readonly #inputs: ReadonlyMap<string, Input>;
  /** Undefined when `take` sees all that the schema says. */
  readonly #schema: NormalizedSchema | undefined;
  readonly #isOpen: boolean;

  constructor(owner: string, json: Json) {
    this.#owner = owner;
    if (json["type"] !== undefined && json["type"] !== "object")
      throw new ConfigurationError(
        `${owner}: the inputSchema must describe an object with one property for each variable.`,
      );
    const properties = objectAt(json, "properties");
    const required = new Set(arrayAt(json, "required")?.map(String));
    const names = new Set([...Object.keys(properties), ...required]);
    this.#inputs = new Map(
      [...names].map((name) => [
        name,
        inputOf(owner, name, objectAt(properties, name), required.has(name)),
      ]),
    );
    this.#isOpen = DECLARING.some(
      (keyword) => Object.hasOwn(json, keyword) && json[keyword] !== false,
    );
    const isSimple =
      hasOnly(json, CHECKED_OF_ALL) &&
      Object.values(properties).every(
        (property) =>
          property === true ||
          (isObject(property) && hasOnly(property, CHECKED_OF_INPUT)),
      );
    this.#schema = isSimple ? undefined : { json };
  }

  /** Says at once what would fail at every call. */
  checkTemplate(used: ReadonlySet<string>): void {
    const declared = this.#inputs;
    for (const name of used)
      if (!declared.has(name) && !this.#isOpen)
        throw new ConfigurationError(
          `${this.#owner}: the template uses the variable "${name}", which the inputSchema does not declare. It declares ${quotedNames([...declared.keys()])}.`,
        );
    for (const [name, { isRequired }] of declared)
      if (isRequired && !used.has(name))
        throw new ConfigurationError(
          `${this.#owner}: the inputSchema requires the variable "${name}", which the template does not use. It uses ${quotedNames([...used])}.`,
        );
  }

  has(name: string): boolean {
    return this.#inputs.has(name);
  }

  /**
   * Checks the values by the `type`, `enum` and `required` of their own, synchronously, and fills in what is optional: its
   * default, else nothing.
   *
   * @throws {ConfigurationError} naming the variable; the value is not in the message.
   */
  take(variables: object): Taken {
    if (!isObject(variables))
      throw new ConfigurationError("The variables must be an object.");
    // Maps and entries, because a variable may be called __proto__.
    const given = new Map(Object.entries(variables));
    const inserted = new Map(given);
    for (const [name, input] of this.#inputs) {
      const value = given.get(name);
      if (value === null && input.types?.includes("null")) {
        inserted.set(name, "");
      } else if (value !== undefined && value !== null) {
        this.#check(name, input, value);
      } else if (input.hasDefault) {
        given.set(name, input.default);
        inserted.set(name, input.default ?? "");
      } else if (input.isRequired) {
        const must = input.expected && `; it must be ${input.expected}`;
        throw this.#error(name, `is missing${must}`);
      } else {
        given.delete(name);
        inserted.set(name, "");
      }
    }
    return {
      given: Object.fromEntries(given),
      inserted: Object.fromEntries(inserted),
    };
  }

  /**
   * Checks the values by the whole schema. Ajv is loaded only for a schema that says more than `take` checks.
   *
   * @throws {ConfigurationError} naming the variables; also when the schema itself is not valid.
   */
  async validate(variables: object): Promise<void> {
    const { given } = this.take(variables);
    if (this.#schema === undefined) return;
    const judge = await compileValidator(this.#schema);
    const verdict = await judge(given);
    if ("issues" in verdict)
      throw new ConfigurationError(
        `${this.#owner}: the variables do not match the inputSchema: ${verdict.issues.join("; ")}.`,
      );
  }

  #check(name: string, input: Input, value: unknown): void {
    const { types, allowed, expected } = input;
    if (types?.some((type) => isOfType(type, value)) === false)
      throw this.#error(
        name,
        `must be ${expected}; it is ${kindFor(types, value)}`,
      );
    if (allowed?.some((item) => isDeepStrictEqual(item, value)) === false)
      throw this.#error(
        name,
        `must be ${expected}; it is another ${kindOf(value).replace(/^an? /, "")}`,
      );
  }

  #error(name: string, problem: string): ConfigurationError {
    return new ConfigurationError(
      `${this.#owner}: the variable "${name}" ${problem}.`,
    );
  }
}

function inputOf(
  owner: string,
  name: string,
  schema: Json,
  isRequired: boolean,
): Input {
  const { type, enum: allowed } = schema;
  const types = typeof type === "string" ? [type] : (type ?? []);
  if (
    !Array.isArray(types) ||
    !types.every((item) => DESCRIPTIONS.has(item)) ||
    !(allowed === undefined || Array.isArray(allowed))
  )
    throw new ConfigurationError(
      `${owner}: the inputSchema of "${name}" is not valid: type must be one of ${[...DESCRIPTIONS.keys()].join(", ")} or an array of them, enum an array.`,
    );
  return {
    types: types.length > 0 ? types : undefined,
    allowed,
    isRequired,
    hasDefault: Object.hasOwn(schema, "default"),
    default: schema["default"],
    expected:
      allowed === undefined
        ? types.map((item) => DESCRIPTIONS.get(item)).join(" or ")
        : `one of ${allowed
            .slice(0, MOST_ENUM_VALUES)
            .map((item) => JSON.stringify(item))
            .join(", ")}`,
  };
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case "number":
      return Number.isFinite(value);
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "null":
      return false;
    default:
      // The names that are left are those of typeof.
      return typeof value === type;
  }
}

/** What a value is, and not which. */
function kindFor(types: readonly string[], value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value))
    return "a number that is not finite";
  return typeof value === "number" && types.includes("integer")
    ? "a number with a fraction"
    : kindOf(value);
}

function objectAt(parent: Json, name: string): Json {
  const value = Object.hasOwn(parent, name) ? parent[name] : undefined;
  return isObject(value) ? value : {};
}

function arrayAt(parent: Json, name: string): readonly unknown[] | undefined {
  const value: unknown = parent[name];
  return Array.isArray(value) ? value : undefined;
}

function hasOnly(schema: Json, names: ReadonlySet<string>): boolean {
  return Object.keys(schema).every((name) => names.has(name));
}
