/**
 * Splits a text before the first half of a character that ends it: an emoji is two units of a string, and a piece of an
 * answer may end between them. The half is empty nearly always.
 */
export function splitHalf(
  text: string,
): readonly [whole: string, half: string] {
  const last = text.charCodeAt(text.length - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? text.length - 1 : text.length;
  return [text.slice(0, end), text.slice(end)];
}

/** Text in pieces that end between characters: half of one waits for its other half. */
export class WholeCharacters {
  #half = "";

  /** What was held back and the piece, up to the last whole character. Can be empty. */
  push(piece: string): string {
    const [whole, half] = splitHalf(this.#half + piece);
    this.#half = half;
    return whole;
  }

  /** What is still held back: at the end of a text, as it came. */
  end(): string {
    const half = this.#half;
    this.#half = "";
    return half;
  }
}
