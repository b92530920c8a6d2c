/** A block or a tool, and where it stands in the caller's request, such as `messages[2].content[0]`. */
export interface Placed<Block> {
  readonly block: Block;
  readonly place: string;
}

export function placed<Block>(
  blocks: readonly Block[],
  list: string,
): Placed<Block>[] {
  return blocks.map((block, index) => ({ block, place: `${list}[${index}]` }));
}

export const blocksOf = <Block>(list: readonly Placed<Block>[]): Block[] =>
  list.map(({ block }) => block);
