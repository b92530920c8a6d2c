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
  for (const name of recursiveNames())
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

  /** The types that contain themselves, without those that need no name because others on the way have one. */
  function recursiveNames(): readonly string[] {
    let names = Object.keys(types).filter((name) => isIn(name, []));
    for (const name of names.filter(isMadeUp)) {
      const others = names.filter((one) => one !== name);
      if (!isIn(name, others)) names = others;
    }
    return names;
  }

  /** Whether a type contains itself on a way that does not go through others. */
  function isIn(name: string, others: readonly string[]): boolean {
    const reached = new Set<string>();
    reach(typeNamed(name));
    return reached.has(name);

    function reach(schema: JsonObject): void {
      for (const one of subschemasOf(schema)) reach(one);
      const { $ref } = schema;
      if (typeof $ref !== "string") return;
      const found = $ref.slice(REFERENCE.length);
      if (reached.has(found) || others.includes(found)) return;
      reached.add(found);
      reach(typeNamed(found));
    }
  }

  /** What the generator refers to, it writes. */
  function typeNamed(name: string): JsonObject {
    return types[name] as JsonObject;
  }
}

/** The generator names `Record<string, Item>` within `Item` by where Item stands in its file, which changes with other things. */
const isMadeUp = (name: string) => /-\d+-\d+/.test(name);

/** `Page<Item>` as a name that needs no escaping in a reference. */
function freshName(name: string, taken: readonly string[]): string {
  const plain = (isMadeUp(name) ? name.replace(/<.*/s, "") : name)
    .replace(/\W+/g, "_")
    .replace(/^_|_$/g, "");
  let fresh = plain;
  for (let count = 2; taken.includes(fresh); count++)
    fresh = `${plain}_${count}`;
  return fresh;
}
