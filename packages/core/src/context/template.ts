import { isThenable } from "../checks/thenable.ts";
import { kindOf, quotedNames } from "../checks/words.ts";
import { ConfigurationError } from "../contract/errors.ts";

/*
 * The rules of a template, the same for the types and at run time:
 *   {name}  a variable; `{user.name}` reads a field of the variable `user`
 *   {{      a brace; the }} that belongs to it is a brace as well
 *   other braces are text, so JSON needs no escaping
 */

type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9";

// NAME below is the same rule at run time.
type NotInNames =
  | (" " | "\n" | "\t" | "\r" | "{" | "}" | '"' | "'" | "`" | ":" | ",")
  | (";" | "(" | ")" | "[" | "]" | "<" | ">" | "/" | "\\" | "|" | "=")
  | ("+" | "*" | "&" | "%" | "#" | "@" | "!" | "?" | "~" | "^" | "$");

type IsName<Text extends string> = Text extends
  | ""
  | `${Digit | "-" | "."}${string}`
  | `${string}${NotInNames}${string}`
  | `${string}.`
  | `${string}..${string}`
  ? false
  : true;

type Root<Name extends string> = Name extends `${infer First}.${string}`
  ? First
  : Name;

/** What a literal template inserts, such as `text` and `user.name`. */
export type TemplatePaths<
  Template extends string,
  Found extends string = never,
> = Template extends `${infer _Text}{${infer Rest}`
  ? Rest extends `{${infer AfterEscape}`
    ? TemplatePaths<AfterEscape, Found>
    : Rest extends `${infer Name}}${infer AfterName}`
      ? IsName<Name> extends true
        ? TemplatePaths<AfterName, Found | Name>
        : TemplatePaths<Rest, Found>
      : Found
  : Found;

/** The names of the variables of a literal template. */
export type VariableNames<Template extends string> = Root<
  TemplatePaths<Template>
>;

/** Looks like an object, and would be inserted as one, but has nothing to say as JSON. */
interface NoValue {
  readonly then?: NoFunction;
  readonly call?: never;
}

/** A rule with `if` and `then` has something to say; a promise does not. */
type NoFunction =
  | string
  | number
  | boolean
  | bigint
  | null
  | undefined
  | (object & { readonly call?: never });

/** What can be inserted into a prompt. Objects and arrays become JSON, dates their ISO form. */
export type PromptValue =
  | string
  | number
  | boolean
  | bigint
  | (object & NoValue);

/** The variables that a template needs; any when it is not a literal. */
export type Variables<Template extends string> = string extends Template
  ? object
  : { readonly [Name in VariableNames<Template>]: PromptValue };

const NAME =
  /\{((?![0-9.-])[^ \n\t\r{}"'`:,;()[\]<>/\\|=+*&%#@!?~^$.]+(?:\.[^ \n\t\r{}"'`:,;()[\]<>/\\|=+*&%#@!?~^$.]+)*)\}/y;

type Part = string | { readonly path: string };

function parse(template: string): Part[] {
  const parts: Part[] = [];
  // One entry for each open brace: true when it was written as {{.
  const open: boolean[] = [];
  const brace = /[{}]/g;
  let textStart = 0;
  for (
    let match = brace.exec(template);
    match !== null;
    match = brace.exec(template)
  ) {
    const at = match.index;
    const doubled = template[at + 1] === template[at];
    if (template[at] === "{") {
      NAME.lastIndex = at;
      const name = doubled ? null : NAME.exec(template);
      if (name?.[1] !== undefined) {
        parts.push(template.slice(textStart, at), { path: name[1] });
        textStart = brace.lastIndex = NAME.lastIndex;
        continue;
      }
      open.push(doubled);
    } else {
      const escaped = open.at(-1) === true;
      if (!escaped) open.pop();
      if (!escaped || !doubled) continue;
      open.pop();
    }
    if (doubled) {
      parts.push(template.slice(textStart, at + 1));
      textStart = brace.lastIndex = at + 2;
    }
  }
  parts.push(template.slice(textStart));
  return parts;
}

/** In place of a value, and of all that would be in it, that is inserted as no text. */
export const NOTHING = Symbol.for("@lambdallm/core.nothing");

/** What a path such as `user.name` stands for; undefined when it is not there. */
export function valueAt(variables: object, path: string): unknown {
  let value: unknown = variables;
  for (const key of path.split(".")) {
    if (value === NOTHING) return "";
    if (
      typeof value !== "object" ||
      value === null ||
      !Object.hasOwn(value, key)
    )
      return undefined;
    value = Reflect.get(value, key);
  }
  return value === NOTHING ? "" : value;
}

function textFor(path: string, value: unknown): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "boolean":
    case "bigint":
      return String(value);
    case "object":
      try {
        if (isOpaque(value)) break;
        const json =
          value instanceof Date ? value.toISOString() : JSON.stringify(value);
        if (typeof json === "string") return json;
      } catch (cause) {
        throw new ConfigurationError(
          `The variable "${path}" cannot be written as JSON.`,
          { cause },
        );
      }
  }
  const kind = kindOf(value);
  const late = kind === "a promise" ? " that was not awaited" : "";
  throw new ConfigurationError(
    `The variable "${path}" is ${kind}${late}; give a string, a number, a boolean, an object or an array.`,
  );
}

/**
 * Fills a template. Values are inserted once and literally: braces and `$&` in them stay as they are.
 *
 * @throws {ConfigurationError} naming the variable that is missing or cannot be inserted.
 */
export function formatTemplate(
  template: string,
  variables: object = {},
): string {
  // Values from an event have whatever type they have.
  if (typeof variables !== "object" || variables === null)
    throw new ConfigurationError("The variables must be an object.");
  const parts = parse(template);
  let text = "";
  for (const part of parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    const value = valueAt(variables, part.path);
    if (value === undefined || value === null)
      throw new ConfigurationError(missing(part.path, parts, variables));
    text += textFor(part.path, value);
  }
  return text;
}

function missing(path: string, parts: Part[], variables: object): string {
  const used = new Set(
    parts.flatMap((part) => (typeof part === "string" ? [] : [part.path])),
  );
  const given = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [name],
  );
  return `The variable "${path}" is missing. The prompt uses ${quotedNames([...used])}; given: ${quotedNames(given)}. Write {{ for a brace that is text.`;
}

/** Objects whose JSON would not be what they hold: the classic is a promise that nobody awaited. */
function isOpaque(value: object | null): boolean {
  return (
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Error ||
    ArrayBuffer.isView(value) ||
    isThenable(value)
  );
}

/** What a template inserts, such as `text` and `user.name`. */
export function pathsOf(template: string): ReadonlySet<string> {
  return new Set(
    parse(template).flatMap((part) =>
      typeof part === "string" ? [] : [part.path],
    ),
  );
}

/** The names of a template's variables; of `{user.name}` it is `user`. */
export function variablesOf(template: string): ReadonlySet<string> {
  return new Set(
    Array.from(pathsOf(template), (path) => path.split(".", 1).join()),
  );
}

/** Whether a template has any variable. */
export function hasVariables(template: string): boolean {
  return parse(template).some((part) => typeof part !== "string");
}
