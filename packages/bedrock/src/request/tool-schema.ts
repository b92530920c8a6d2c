import { ConfigurationError } from "@lambdallm/core";
import { isNova, isObject, isTooDeep } from "@lambdallm/core/feature";
import {
  MOST_LEVELS,
  mapSubschemas,
  type Schema,
  targetOf,
} from "../output/subschemas.ts";
import { isWrapped, wrap } from "../output/wrapping.ts";

/** All that Nova takes at the top of a tool's schema. */
const NOVA_TOP: ReadonlySet<string> = new Set([
  "type",
  "properties",
  "required",
]);

export interface ToolSchema {
  readonly schema: object;
  /** The arguments come as the one field of an object. */
  readonly wrapped: boolean;
  /** More was changed than what every model ignores. */
  readonly changed: boolean;
}

/** Schemas are constants of a program: each is compiled once for Nova and once for all others. */
const forNova = new WeakMap<object, ToolSchema>();
const forOthers = new WeakMap<object, ToolSchema>();

/**
 * A tool's schema as the model at hand takes it: its top is an object without `$schema`; a union, or anything else that is no
 * object, becomes a field of one. Nova knows nothing else at the top than `type`, `properties` and `required`.
 *
 * @throws {ConfigurationError} for one that cannot be written down, naming the place of the tool.
 */
export function toolSchema(
  given: object,
  id: string,
  place: string,
): ToolSchema {
  const known = isNova(id) ? forNova : forOthers;
  const present = known.get(given);
  if (present !== undefined) return present;
  if (isTooDeep(given, MOST_LEVELS))
    throw new ConfigurationError(
      `${place}.toolSpec.inputSchema.json is nested too deeply, or contains itself: write what repeats with $ref.`,
    );
  const plain = plainSchema(given);
  const compiled = isNova(id) ? novaSchema(plain) : plain;
  known.set(given, compiled);
  return compiled;
}

function plainSchema(given: object): ToolSchema {
  const { $schema: _, ...plain }: Schema = { ...given };
  const typed = hasObjectForm(plain) ? { ...plain, type: "object" } : plain;
  const wrapped = isWrapped(typed);
  return { schema: wrap(typed), wrapped, changed: wrapped };
}

/** `{}` and `{ properties }` mean an object here, as arguments are one. */
function hasObjectForm(schema: Schema): boolean {
  return (
    schema["type"] === undefined && !isWrapped({ ...schema, type: "object" })
  );
}

function novaSchema({ schema, ...plain }: ToolSchema): ToolSchema {
  const whole = Object.entries(withoutReferences({ ...schema }));
  const top = whole.filter(([keyword]) => NOVA_TOP.has(keyword));
  return {
    schema: Object.fromEntries(top),
    wrapped: plain.wrapped,
    changed: plain.changed || top.length < Object.keys(schema).length,
  };
}

/** Definitions that refer to each other can be written out without end, long before one of them refers to itself. */
const MOST_REFERENCES = 1_000;

/** What the top defines is said where it is used. What would have no end, as it refers to itself, ends there as any value. */
function withoutReferences(root: Schema): Schema {
  const { $defs: _, definitions: __, ...top } = root;
  let followed = 0;
  const inlined = (part: unknown, path: readonly string[]): unknown => {
    if (!isObject(part)) return part;
    const { $ref: reference, ...rest } = part;
    if (typeof reference !== "string")
      return mapSubschemas(part, (inner) => inlined(inner, path));
    followed += 1;
    const isEndless = path.includes(reference) || followed > MOST_REFERENCES;
    const meant = isEndless ? undefined : targetOf(root, reference);
    return { ...Object(inlined(meant, [...path, reference])), ...rest };
  };
  return mapSubschemas(top, (part) => inlined(part, []));
}
