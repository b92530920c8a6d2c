import { ConfigurationError } from "@lambdallm/core";
import { pathsOf, suggestion, toJsonSchema } from "@lambdallm/core/feature";
import type { Step } from "./step-types.ts";

/** A step in its chain. */
export interface Node {
  readonly index: number;
  readonly step: Step;
  /** The steps that it waits for, in the order of the chain. */
  readonly needs: readonly Node[];
  /** What its prompt inserts of other steps, such as `summary.output.title`. */
  readonly references: readonly string[];
  /** What its prompt inserts of the variables, such as `text` and `user.name`. */
  readonly variables: readonly string[];
}

/** The name that a path such as `user.name` begins with. */
export const rootOf = (path: string): string => path.split(".", 1).join();

/**
 * The steps of a chain with what each of them waits for.
 *
 * @throws {ConfigurationError} A name is there twice, a reference leads nowhere, or steps wait for each other.
 */
export function graphOf(chain: string, steps: readonly Step[]): Node[] {
  const owner = `Chain "${chain}"`;
  const byName = new Map(steps.map((step) => [step.name, step]));
  for (const [index, { name }] of steps.entries())
    if (steps.findIndex((step) => step.name === name) < index)
      throw new ConfigurationError(
        `${owner}: two steps have the name "${name}".`,
      );
  const nodes = steps.map((step, index) => {
    const uses = usesOf(`${owner}: the step "${step.name}"`, step, byName);
    return { index, step, ...uses, needs: [] as Node[] };
  });
  for (const node of nodes)
    node.needs.push(...nodes.filter((other) => isNeeded(other, node)));
  refuseCycles(owner, nodes);
  return nodes;
}

function isNeeded(
  { index, step: { name } }: Omit<Node, "needs">,
  of: Omit<Node, "needs">,
): boolean {
  const { needs, func, condition } = of.step;
  const waitsForAll =
    needs === undefined && (func !== undefined || condition !== undefined);
  return (
    (waitsForAll && index < of.index) ||
    (needs ?? []).includes(name) ||
    of.references.some((path) => rootOf(path) === name)
  );
}

type Steps = ReadonlyMap<string, Step>;

/** @throws {ConfigurationError} for what leads nowhere. */
function usesOf(owner: string, { prompt, needs = [] }: Step, steps: Steps) {
  const references: string[] = [];
  const variables: string[] = [];
  const template = typeof prompt === "object" ? prompt.template : prompt;
  for (const path of pathsOf(template ?? "")) {
    const root = rootOf(path);
    const isReference = path.split(".")[1] === "output";
    if (steps.has(root) && !isReference)
      throw new ConfigurationError(
        `${owner} refers to {${path}}, but "${root}" is a step: write {${root}.output}.`,
      );
    if (isReference) {
      const step = stepOf(`${owner} refers to the output of`, root, steps);
      checkField(`${owner} refers to {${path}}`, path, step);
      references.push(path);
    } else variables.push(path);
  }
  for (const name of needs) stepOf(`${owner} needs`, name, steps);
  return { references, variables };
}

function stepOf(what: string, name: string, steps: Steps): Step {
  const step = steps.get(name);
  if (step !== undefined) return step;
  throw new ConfigurationError(
    `${what} "${name}", and there is no step of this name.${suggestion(name, steps.keys())}`,
  );
}

/** What a schema says of a field: where it has others only, the reference can never stand for anything. */
function checkField(what: string, path: string, step: Step): void {
  const { name, prompt, outputSchema } = step;
  const [, , ...fields] = path.split(".");
  if (fields.length > 0 && prompt !== undefined && outputSchema === undefined)
    throw new ConfigurationError(
      `${what}, but the output of "${name}" is a text: write {${name}.output}, or give the step an outputSchema.`,
    );
  let schema: object = outputSchema ? toJsonSchema(outputSchema).json : {};
  for (const field of fields) {
    const properties: object = Object(Reflect.get(schema, "properties"));
    if (Object.hasOwn(properties, field))
      schema = Object(Reflect.get(properties, field));
    else if (Reflect.get(schema, "additionalProperties") === false)
      throw new ConfigurationError(
        `${what}, and the outputSchema of "${name}" has no "${field}".${suggestion(field, Object.keys(properties))}`,
      );
    else return;
  }
}

/** @throws {ConfigurationError} naming the steps of a circle. */
function refuseCycles(owner: string, nodes: readonly Node[]): void {
  const done = new Set<Node>();
  for (const start of nodes) {
    // Not recursive: a chain may be as long as it likes.
    const way = [{ node: start, next: 0 }];
    for (let last = way.at(-1); last !== undefined; last = way.at(-1)) {
      const needed = last.node.needs[last.next];
      last.next += 1;
      if (needed === undefined) {
        done.add(last.node);
        way.pop();
      } else if (!done.has(needed)) {
        const from = way.findIndex(({ node }) => node === needed);
        if (from >= 0)
          throw new ConfigurationError(
            `${owner}: steps wait for each other: ${circle(way.slice(from), needed)}.`,
          );
        way.push({ node: needed, next: 0 });
      }
    }
  }
}

function circle(way: readonly { readonly node: Node }[], end: Node): string {
  return [...way.map(({ node }) => node), end]
    .map(({ step }) => `"${step.name}"`)
    .join(" needs ");
}
