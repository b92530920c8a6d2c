import type { Node } from "./graph.ts";

/** Only what others do not lead to already: of a → b → c and a → c the last one says nothing. */
function edgesOf({ needs }: Node): Node[] {
  const behind = new Set<Node>();
  const left = needs.flatMap((node) => node.needs);
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (behind.has(node)) continue;
    behind.add(node);
    left.push(...node.needs);
  }
  return needs.filter((node) => !behind.has(node));
}

/** Prompts are boxes, functions have a double border; dotted arrows lead to steps that may be skipped. */
export function mermaidOf(nodes: readonly Node[]): string {
  const lines = nodes.map(({ index, step }) => {
    const [open, close] = step.func === undefined ? ["[", "]"] : ["[[", "]]"];
    return `  s${index}${open}"${step.name}"${close}`;
  });
  for (const node of nodes) {
    const arrow = node.step.condition === undefined ? "-->" : "-.->";
    for (const { index } of edgesOf(node))
      lines.push(`  s${index} ${arrow} s${node.index}`);
  }
  return `flowchart TD\n${lines.join("\n")}\n`;
}
