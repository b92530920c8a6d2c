import type { JsonObject } from "./json.ts";
import { mapped, subschemasOf, withSubschemas } from "./subschemas.ts";

const REFERENCE = "#/definitions/";

/**
 * The schema with its named types written where they are used; those that contain themselves stand in `$defs`. What stands beside
 * the reference to a type, such as the comment of a property, is stronger than what the type says.
 */
export function withoutReferences(schema: JsonObject): JsonObject {
  const { definitions, ...root } = schema;
  // Written by the generator, which puts nothing but schemas there.
  const types = definitions as Readonly<Record<string, JsonObject>>;
  /** New names of what stays. */
  const kept = new Map<string, string>();
  for (const [name, type] of Object.entries(types))
    if (namesIn(type).has(name))
      kept.set(name, freshName(name, [...kept.values()]));

  const result = rewritten(root);
  if (kept.size === 0) return result;
  const recursive = Array.from(
    kept,
    ([name, fresh]) => [fresh, typeNamed(name)] as const,
  );
  return {
    ...result,
    $defs: mapped(Object.fromEntries(recursive), rewritten),
  };

  function rewritten(schema: JsonObject): JsonObject {
    const { $ref, ...own } = withSubschemas(schema, rewritten);
    if (typeof $ref !== "string") return own;
    const name = $ref.slice(REFERENCE.length);
    const fresh = kept.get(name);
    return fresh === undefined
      ? { ...rewritten(typeNamed(name)), ...own }
      : { $ref: `#/$defs/${fresh}`, ...own };
  }

  /** The named types that a schema reaches. */
  function namesIn(schema: JsonObject, names = new Set<string>()): Set<string> {
    for (const one of subschemasOf(schema)) namesIn(one, names);
    const { $ref } = schema;
    if (typeof $ref !== "string") return names;
    const name = $ref.slice(REFERENCE.length);
    return names.has(name) ? names : namesIn(typeNamed(name), names.add(name));
  }

  /** What the generator refers to, it writes. */
  function typeNamed(name: string): JsonObject {
    return types[name] as JsonObject;
  }
}

/** `Page<Item>` as a name that needs no escaping in a reference. */
function freshName(name: string, taken: readonly string[]): string {
  const plain = name.replace(/\W+/g, "_").replace(/^_|_$/g, "");
  let fresh = plain;
  for (let count = 2; taken.includes(fresh); count++)
    fresh = `${plain}_${count}`;
  return fresh;
}
