import { ConfigurationError } from "@lambdallm/core";
import { pathsOf, suggestion, toJsonSchema } from "@lambdallm/core/feature";
import type { Step } from "./step-types.ts";

/** A step in its chain. */
export interface Node {
  readonly index: number;
  readonly step: Step;
  /** The positions of the steps that it waits for. */
  readonly needs: readonly number[];
  /** What its prompt inserts of other steps, such as `summary.output.title`. */
  readonly references: readonly string[];
  /** What its prompt inserts of the variables, such as `text` and `user.name`. */
  readonly variables: readonly string[];
}

/**
 * The steps of a chain with what each of them waits for.
 *
 * @throws {ConfigurationError} A name is there twice, a reference leads nowhere, or steps wait for each other.
 */
export function graphOf(chain: string, steps: readonly Step[]): Node[] {
  const positions = new Map<string, number>();
  for (const [index, { name }] of steps.entries()) {
    if (positions.has(name))
      throw new ConfigurationError(
        `Chain "${chain}": two steps have the name "${name}".`,
      );
    positions.set(name, index);
  }
  const nodes = steps.map((step, index) =>
    nodeOf(chain, step, index, positions),
  );
  for (const node of nodes)
    for (const path of node.references)
      checkField(
        `Chain "${chain}": the step "${node.step.name}"`,
        path,
        steps,
        positions,
      );
  refuseCycles(chain, nodes);
  return nodes;
}

function nodeOf(
  chain: string,
  step: Step,
  index: number,
  positions: ReadonlyMap<string, number>,
): Node {
  const owner = `Chain "${chain}": the step "${step.name}"`;
  const references: string[] = [];
  const variables: string[] = [];
  for (const path of pathsIn(step)) {
    const [root = "", member] = path.split(".");
    if (positions.has(root) && member !== "output")
      throw new ConfigurationError(
        `${owner} refers to {${path}}, but "${root}" is a step: write {${root}.output}.`,
      );
    if (member === "output") references.push(path);
    else variables.push(path);
  }
  const names = references.map((path) => path.split(".", 1).join());
  for (const [which, name] of [
    ...names.map((name) => ["refers to the output of", name] as const),
    ...(step.needs ?? []).map((name) => ["needs", name] as const),
  ])
    if (!positions.has(name))
      throw new ConfigurationError(
        `${owner} ${which} "${name}", and there is no step of this name.${suggestion(name, positions.keys())}`,
      );
  const waitsForAll =
    step.needs === undefined &&
    (step.func !== undefined || step.condition !== undefined);
  const needs = new Set<number>(
    waitsForAll ? Array.from({ length: index }, (_, before) => before) : [],
  );
  for (const name of [...names, ...(step.needs ?? [])]) {
    const position = positions.get(name);
    if (position !== undefined) needs.add(position);
  }
  return {
    ...{ index, step, references, variables },
    needs: [...needs].sort((a, b) => a - b),
  };
}

function pathsIn({ prompt }: Step): Iterable<string> {
  if (prompt === undefined) return [];
  return pathsOf(typeof prompt === "string" ? prompt : prompt.template);
}

/** What a schema says of a field: where it has others only, the reference can never stand for anything. */
function checkField(
  owner: string,
  path: string,
  steps: readonly Step[],
  positions: ReadonlyMap<string, number>,
): void {
  const [root = "", , ...fields] = path.split(".");
  const step = steps[positions.get(root) ?? -1];
  if (step === undefined || fields.length === 0) return;
  if (step.prompt !== undefined && step.outputSchema === undefined)
    throw new ConfigurationError(
      `${owner} refers to {${path}}, but the output of "${root}" is a text: write {${root}.output}, or give the step an outputSchema.`,
    );
  let schema: unknown =
    step.outputSchema && toJsonSchema(step.outputSchema).json;
  for (const field of fields) {
    const properties: unknown = Reflect.get(Object(schema), "properties");
    if (typeof properties !== "object" || properties === null) return;
    if (!Object.hasOwn(properties, field)) {
      if (Reflect.get(Object(schema), "additionalProperties") !== false) return;
      throw new ConfigurationError(
        `${owner} refers to {${path}}, and the outputSchema of "${root}" has no "${field}".${suggestion(field, Object.keys(properties))}`,
      );
    }
    schema = Reflect.get(properties, field);
  }
}

/** @throws {ConfigurationError} naming the steps of a circle. */
function refuseCycles(chain: string, nodes: readonly Node[]): void {
  const done = new Set<Node>();
  for (const start of nodes) {
    // Not recursive: a chain may be as long as it likes.
    const way: { readonly node: Node; next: number }[] = [
      { node: start, next: 0 },
    ];
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const needed = nodes[last.node.needs[last.next++] ?? -1];
      if (needed === undefined) {
        done.add(last.node);
        way.pop();
        continue;
      }
      if (done.has(needed)) continue;
      const from = way.findIndex(({ node }) => node === needed);
      if (from >= 0)
        throw new ConfigurationError(
          `Chain "${chain}": steps wait for each other: ${[...way.slice(from), way[from]].map((one) => `"${one?.node.step.name}"`).join(" needs ")}.`,
        );
      way.push({ node: needed, next: 0 });
    }
  }
}
