/** Digits, and what may stand between those of one number. */
const DIGITS = /\d[\d \u00a0.-]*\d/g;
const LONGEST_GAP = 3;
const FEWEST_DIGITS = 13;
const MOST_DIGITS = 19;

/** Replaces numbers of cards. One begins and ends with a group of digits, and may have other numbers beside it. */
export function withoutCards(text: string, replacement: string): string {
  return text.replace(DIGITS, (found) => {
    // Groups are at even places, and what stands between them at odd ones.
    const parts = found.split(/(\D+)/);
    let kept = "";
    for (let first = 0; first < parts.length; ) {
      const end = first % 2 === 0 ? endOfCard(parts, first) : undefined;
      kept += end === undefined ? parts[first] : replacement;
      first = end ?? first + 1;
    }
    return kept;
  });
}

/** Of the longest number that begins with this group: the place after it. */
function endOfCard(
  parts: readonly string[],
  first: number,
): number | undefined {
  let digits = "";
  let end: number | undefined;
  for (const [offset, part] of parts
    .slice(first, first + 2 * MOST_DIGITS)
    .entries()) {
    if (offset % 2 === 1) {
      if (part.length > LONGEST_GAP) break;
      continue;
    }
    digits += part;
    if (digits.length > MOST_DIGITS) break;
    if (digits.length >= FEWEST_DIGITS && hasCheckDigit(digits))
      end = first + offset + 1;
  }
  return end;
}

/** By the formula of Luhn: every second digit counts twice, from the right. */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let index = 1; index <= digits.length; index += 1) {
    const weighted = Number(digits.at(-index)) * (index % 2 === 1 ? 1 : 2);
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}
