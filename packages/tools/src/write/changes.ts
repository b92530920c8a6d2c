/**
 * What a fresh text has that the one on disk has not, in words: the functions that were added, changed or removed; that everything
 * else has changed, where it is no function.
 */
export function changesBetween(
  onDisk: string | undefined,
  fresh: string,
): string[] {
  if (onDisk === undefined) return ["the file does not exist"];
  const before = blocksOf(onDisk);
  const after = blocksOf(fresh);
  const changes = [...new Set([...after.keys(), ...before.keys()])].flatMap(
    (name) => {
      const [old, now] = [before.get(name), after.get(name)];
      if (old === now) return [];
      return `${name} ${old === undefined ? "is new" : now === undefined ? "is gone" : "has changed"}`;
    },
  );
  return changes.length > 0 || sameText(onDisk, fresh)
    ? changes
    : ["what stands around the functions has changed"];
}

/** Whether two texts are equal but for the ends of their lines, which version control may have changed. */
export function sameText(one: string | undefined, other: string): boolean {
  return one?.replaceAll("\r\n", "\n") === other;
}

/** The text of each tool by its name. */
function blocksOf(text: string): Map<string, string> {
  const blocks = text.replaceAll("\r\n", "\n").split(/^(?=export const )/m);
  return new Map(
    blocks.flatMap((block) => {
      const [, name] = /^export const (\S+) = tool\(/.exec(block) ?? [];
      return name === undefined ? [] : [[name, block] as const];
    }),
  );
}
