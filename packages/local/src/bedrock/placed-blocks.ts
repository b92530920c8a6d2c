import { arrayAt, member } from "../json.ts";

/** A content block, and where in the request it stands, such as `messages.2.content.0.toolResult.content.1`. */
export interface PlacedBlock {
  readonly block: unknown;
  readonly path: string;
}

/** The blocks of a message, those inside of tool results included. */
export function blocksOf(message: unknown, path: string): PlacedBlock[] {
  return arrayAt(message, "content").flatMap((block, index) => {
    const place = `${path}.content.${index}`;
    const result = member(block, "toolResult");
    return [
      { block, path: place },
      ...(result === undefined ? [] : blocksOf(result, `${place}.toolResult`)),
    ];
  });
}

export function has(blocks: readonly unknown[], kind: string): boolean {
  return blocks.some((block) => member(block, kind) !== undefined);
}
