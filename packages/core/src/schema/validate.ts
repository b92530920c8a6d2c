import type { Ajv2020, ErrorObject, ValidateFunction } from "ajv/dist/2020.js";
import { RecentMap } from "../checks/recent-map.ts";
import { ConfigurationError } from "../contract/errors.ts";
import { loadAjv } from "./load-ajv.ts";
import type { NormalizedSchema } from "./to-json-schema.ts";
import type { StandardIssue, StandardSchema } from "./types.ts";

export type Verdict =
  | { readonly value: unknown }
  | { readonly issues: readonly string[] };

/** Judges a value: gives it back, transformed by a Standard Schema, or says what is wrong with it. */
export type Validator = (value: unknown) => Promise<Verdict>;

const MOST_ISSUES = 20;
const MOST_TEXTS = 200;
const LONGEST_ISSUE = 300;
const LONGEST_NAME = 80;

const validators = new WeakMap<NormalizedSchema, Promise<Validator>>();
/** By the text of the JSON Schema: a schema written inside of the handler is another object at each invocation. */
const byText = new RecentMap<string, Promise<Validator>>(MOST_TEXTS);
let ajv: Promise<Ajv2020> | undefined;

/**
 * A function that judges values by a schema. A Standard Schema judges itself; for any other, ajv is loaded and compiles
 * it once. Formats are not checked: ajv has none of its own, and a model's dates are better judged by the caller. Values
 * are not changed: no defaults are filled in, no types coerced.
 *
 * @throws {ConfigurationError} The schema is not valid, with ajv's reason.
 */
export function compileValidator(schema: NormalizedSchema): Promise<Validator> {
  let validator = validators.get(schema);
  if (validator === undefined) {
    validator = create(schema);
    validators.set(schema, validator);
    // Whoever awaits it gets the error.
    validator.catch(() => {});
  }
  return validator;
}

async function create({ json, standard }: NormalizedSchema) {
  if (standard !== undefined) return standardValidator(standard);
  let text: string;
  try {
    text = JSON.stringify(json);
  } catch (cause) {
    throw new ConfigurationError("The schema cannot be written as JSON.", {
      cause,
    });
  }
  const known = byText.get(text);
  if (known !== undefined) return known;
  const validator = ajvValidator(text);
  byText.set(text, validator);
  return validator;
}

async function ajvValidator(schemaText: string): Promise<Validator> {
  ajv ??= loadAjv();
  const validate = compile(await ajv, schemaText);
  return async (value) => {
    try {
      if (validate(value)) return { value };
    } catch (error) {
      // A schema with a recursive $ref follows the value, as deep as it is.
      if (!(error instanceof RangeError)) throw error;
      return { issues: ["the value is nested too deeply"] };
    }
    return {
      issues: texts(
        validate.errors ?? /* istanbul ignore next -- typed only */ [],
        ajvIssue,
      ),
    };
  };
}

function compile(compiler: Ajv2020, schemaText: string): ValidateFunction {
  // A copy: what the caller does to the schema later changes nothing, and ajv can let go of it.
  const schema = JSON.parse(schemaText);
  // Ajv has no meta-schema of older drafts here; their keywords that still exist mean the same.
  if (/^https?:\/\/json-schema\.org\/draft-0[4-7]\//.test(schema.$schema))
    delete schema.$schema;
  const known = new Set(Object.keys(compiler.refs));
  let validate: ValidateFunction;
  try {
    validate = compiler.compile(schema);
  } catch (cause) {
    const reason = String(cause).replace(
      /^(?:Syntax)?Error: (?:schema is invalid: data)?/,
      "",
    );
    throw new ConfigurationError(
      `The JSON Schema cannot be used: ${reason.trim()}.`,
      { cause },
    );
  } finally {
    // Another schema may use the same $id, also for a part of it.
    compiler.removeSchema(schema);
    for (const id of Object.keys(compiler.refs))
      if (!known.has(id)) delete compiler.refs[id];
  }
  if ("$async" in validate)
    throw new ConfigurationError(
      "The JSON Schema cannot be used: $async is no keyword of JSON Schema.",
    );
  return validate;
}

function standardValidator(standard: StandardSchema): Validator {
  return async (value) => {
    const result = await standard["~standard"].validate(value);
    return result.issues === undefined
      ? { value: result.value }
      : {
          issues: texts(result.issues, (issue) => standardIssue(issue, value)),
        };
  };
}

function texts<Issue>(
  issues: readonly Issue[],
  toText: (issue: Issue) => string,
): readonly string[] {
  const found = new Set<string>();
  for (const issue of issues) {
    found.add(toText(issue).slice(0, LONGEST_ISSUE));
    if (found.size === MOST_ISSUES) break;
  }
  return [...found];
}

/** A JSON Pointer whose long names are cut. */
function place(pointer: string): string {
  if (pointer === "") return "the value";
  return pointer
    .split("/")
    .map((name) => name.slice(0, LONGEST_NAME))
    .join("/");
}

function ajvIssue(error: ErrorObject): string {
  return `${place(error.instancePath)} ${error.message}${detail(error)}`;
}

/** What ajv knows and does not say. */
function detail({ keyword, params }: ErrorObject): string {
  switch (keyword) {
    case "additionalProperties":
      return `: ${quoted(params["additionalProperty"])}`;
    case "unevaluatedProperties":
      return `: ${quoted(params["unevaluatedProperty"])}`;
    case "propertyNames":
      return `: ${quoted(params["propertyName"])}`;
    case "enum":
      return `: ${JSON.stringify(params["allowedValues"])}`;
    case "const":
      return ` ${JSON.stringify(params["allowedValue"])}`;
    default:
      return "";
  }
}

const quoted = (name: unknown) =>
  JSON.stringify(String(name).slice(0, LONGEST_NAME));

function standardIssue(
  { message, path = [] }: StandardIssue,
  value: unknown,
): string {
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  const pointer = keys
    .map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
  return `${place(pointer)}: ${withoutValue(message, valueAt(value, keys))}`;
}

function valueAt(value: unknown, keys: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of keys) {
    if (
      typeof current !== "object" ||
      current === null ||
      !Object.hasOwn(current, key)
    )
      return undefined;
    current = Reflect.get(current, key);
  }
  return current;
}

/** Arktype and valibot quote the value at the end of their messages, and so may a message of the caller's own. */
function withoutValue(message: string, value: unknown): string {
  const cut = message
    .replace(/ \(was .*\)$/s, "")
    .replace(/(?: but received|: Received) .*$/s, "");
  return typeof value === "string" && value.length > 2
    ? cut.replaceAll(value, "...")
    : cut;
}
