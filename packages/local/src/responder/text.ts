const STOP_WORDS = new Set(
  `a about above after again all also am an and any are as at be because been before being but by can could did do
does doing done for from get give had has have he her here him his how i if in into is it its just let like me more
most my no nor not now of off on once only or other our out over own please same she should so some such tell than
that the their them then there these they this those to too under until up us very was we were what when where which
who whom whose why will with would you your`.split(/\s+/),
);

/** Abbreviations that end in a full stop without ending a sentence. */
const ABBREVIATION =
  /(?:^|[\s(])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Inc|Ltd|Co|Corp|No|vs|etc|e\.g|i\.e|approx|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)\.$/;

/** The sentences of a text. A line break ends one; list markers and headings' signs are left out. */
export function sentencesOf(text: string): string[] {
  return text.split(/\n+/).flatMap(sentencesOfLine);
}

function sentencesOfLine(line: string): string[] {
  const pieces = line
    .replace(/^\s*(?:[-*•>]|#+|\d+[.)])\s+/, "")
    .split(/(?<=[.!?…]["'”’)]?)\s+/);
  const sentences: string[] = [];
  let open = "";
  for (const piece of pieces) {
    open = open === "" ? piece : `${open} ${piece}`;
    if (ABBREVIATION.test(open)) continue;
    sentences.push(open.trim());
    open = "";
  }
  sentences.push(open.trim());
  return sentences.filter((sentence) => /[\p{L}\p{N}]/u.test(sentence));
}

/** The words of a text in lower case. */
export function wordsOf(text: string): string[] {
  return (
    text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu) ?? []
  );
}

/** The words that carry meaning, without their endings, so that "cities" meets "city". */
export function termsOf(text: string): string[] {
  return wordsOf(text)
    .filter((word) => !STOP_WORDS.has(word))
    .map(stem);
}

function stem(word: string): string {
  if (word.length < 5) return word.length === 4 ? word.replace(/s$/, "") : word;
  return word
    .replace(/['’]s$/, "")
    .replace(/ies$/, "y")
    .replace(/(?:ing|ed|es|s|or|er|ion)$/, "")
    .replace(/e$/, "");
}

export function wordCount(text: string): number {
  return text.split(/\s+/).filter((word) => word !== "").length;
}

/** The words of a name such as `customerName`, `customer_name` or `get-customer`. */
export function wordsOfName(name: string): string[] {
  return wordsOf(
    name.replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1 $2").replace(/[_\-.]+/g, " "),
  );
}

/** Text as a pattern that matches itself. */
export function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
