import type { Node } from "./graph.ts";

/** Only what others do not lead to already: of a → b → c and a → c the last one says nothing. */
function edgesOf(nodes: readonly Node[], { needs }: Node): number[] {
  const behind = new Set<number>();
  const left = needs.flatMap((index) => nodes[index]?.needs ?? []);
  for (let index = left.pop(); index !== undefined; index = left.pop()) {
    if (behind.has(index)) continue;
    behind.add(index);
    left.push(...(nodes[index]?.needs ?? []));
  }
  return needs.filter((index) => !behind.has(index));
}

/** Prompts are boxes, functions have a double border; dotted arrows lead to steps that may be skipped. */
export function mermaidOf(nodes: readonly Node[]): string {
  const lines = nodes.map(({ index, step }) => {
    const [open, close] = step.func === undefined ? ["[", "]"] : ["[[", "]]"];
    return `  s${index}${open}"${step.name}"${close}`;
  });
  for (const node of nodes) {
    const arrow = node.step.condition === undefined ? "-->" : "-.->";
    for (const index of edgesOf(nodes, node))
      lines.push(`  s${index} ${arrow} s${node.index}`);
  }
  return `flowchart TD\n${lines.join("\n")}\n`;
}
