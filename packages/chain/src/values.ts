import { ConfigurationError } from "@lambdallm/core";
import { NOTHING, suggestion, valueAt } from "@lambdallm/core/feature";
import { type Node, rootOf } from "./graph.ts";

/** What the prompt of a step is filled with: of the variables and of the outputs what it uses, and nothing else. */
export function valuesOf(
  { references, variables }: Node,
  given: object,
  outputs: ReadonlyMap<string, unknown>,
): object {
  const values = new Map<string, unknown>();
  for (const path of variables) {
    const root = rootOf(path);
    values.set(root, valueAt(given, root));
  }
  for (const path of references) {
    const root = rootOf(path);
    values.set(root, { output: outputs.get(root) });
  }
  let filled: object = Object.fromEntries(values);
  for (const path of references)
    filled = withoutGap(filled, path.split(".")) ?? filled;
  return filled;
}

/** A copy in which a path that ends in nothing has something that is inserted as nothing. Undefined where it is no gap. */
function withoutGap(
  value: unknown,
  [key, ...rest]: readonly string[],
): object | undefined {
  if (typeof value !== "object" || key === undefined) return undefined;
  const holder: object = Object(value);
  const inner: unknown = Object.hasOwn(holder, key)
    ? Reflect.get(holder, key)
    : undefined;
  const changed =
    inner === undefined || inner === null ? NOTHING : withoutGap(inner, rest);
  if (changed === undefined) return undefined;
  const copy: object = Array.isArray(value) ? [...value] : { ...holder };
  Reflect.set(copy, key, changed);
  return copy;
}

const isThere = (value: unknown): boolean =>
  value !== undefined && value !== null;

/** @throws {ConfigurationError} A variable is missing that a prompt uses; before anything is sent. */
export function checkVariables(
  chain: string,
  nodes: readonly Node[],
  given: object,
): void {
  for (const { step, variables } of nodes) {
    // What may be left out is said there, and checked when it is filled in.
    const hasOwnRules =
      typeof step.prompt === "object" && step.prompt.inputSchema !== undefined;
    if (hasOwnRules) continue;
    for (const path of variables) {
      if (isThere(valueAt(given, path))) continue;
      const names = Object.keys(given).filter((name) =>
        isThere(valueAt(given, name)),
      );
      throw new ConfigurationError(
        `Chain "${chain}": the step "${step.name}" uses the variable "${path}", which is missing.${suggestion(path, names)}`,
      );
    }
  }
}
