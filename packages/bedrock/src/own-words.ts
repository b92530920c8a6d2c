const CLOSING: ReadonlyMap<string, string> = new Map([
  ["'", "'"],
  ['"', '"'],
  ["`", "`"],
  ["\u2018", "\u2019"],
  ["\u201c", "\u201d"],
]);

/** What is put around the whole text of another service behind this one. */
const ENVELOPE = /^(?:\{"message":\s*"|[^"]*\bfor requestId [^"]*: ")/;

const LETTER = /[\p{L}\p{N}_]/u;

/**
 * Whether this place of an error's text is inside of a quotation: there it is the request that speaks, and not the service. An
 * apostrophe between letters, as in "doesn't", quotes nothing.
 */
export function isQuoted(text: string, index: number): boolean {
  let quote: string | undefined;
  for (let at = ENVELOPE.exec(text)?.[0].length ?? 0; at < index; at += 1) {
    const character = text.charAt(at);
    if (quote === undefined) {
      if (!LETTER.test(text.charAt(at - 1))) quote = CLOSING.get(character);
    } else if (character === quote && !LETTER.test(text.charAt(at + 1)))
      quote = undefined;
  }
  return quote !== undefined;
}
