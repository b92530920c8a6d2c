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
  for (let index = first; index < parts.length; index += 2) {
    digits += parts[index];
    if (digits.length > MOST_DIGITS) break;
    if (digits.length >= FEWEST_DIGITS && hasCheckDigit(digits))
      end = index + 1;
    const gap = parts[index + 1] ?? "";
    if (gap.length > LONGEST_GAP) break;
  }
  return end;
}

const ZERO = "0".charCodeAt(0);

/** By the formula of Luhn: every second digit counts twice, from the right. */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(index) - ZERO;
    const weighted = (digits.length - index) % 2 === 1 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}
