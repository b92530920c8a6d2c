import { sentencesOf, termsOf, wordCount } from "./text.ts";

/** How long a summary may be. */
export interface Length {
  readonly words?: number;
  readonly sentences?: number;
  readonly bullets?: boolean;
}

const NUMBERS: ReadonlyMap<string, number> = new Map(
  "one two three four five six seven eight nine ten"
    .split(" ")
    .map((word, index) => [word, index + 1]),
);

const COUNT = `(\\d{1,5}|a|${[...NUMBERS.keys()].join("|")})`;
const UNIT =
  "(words?|sentences?|lines?|bullets?|bullet[ -]points?|key points?)";
const LENGTH = new RegExp(`\\b${COUNT}[ -]${UNIT}\\b`, "i");
const SUMMARY =
  /\bsummar(?:y|i[sz]e|i[sz]ing|ies)\b|\btl;?dr\b|\bshorten\b|\bcondense\b/i;
const IN_LENGTH = new RegExp(
  `\\b(?:in|within|under|most|than|about)\\s+${COUNT}[ -](?:words?|sentences?)\\b`,
  "i",
);

export function asksForSummary(text: string): boolean {
  return SUMMARY.test(text) || IN_LENGTH.test(text);
}

/** The length that an instruction asks for. */
export function lengthOf(instruction: string): Length {
  const [, count = "", unit = ""] = LENGTH.exec(instruction) ?? [];
  if (unit === "")
    return /\bbullets?\b/i.test(instruction) ? { bullets: true } : {};
  const number = NUMBERS.get(count.toLowerCase()) ?? (Number(count) || 1);
  if (/^words?$/i.test(unit)) return { words: number };
  return /^(?:sentences?|lines?)$/i.test(unit)
    ? { sentences: number }
    : { sentences: number, bullets: true };
}

/** Splits a prompt into what it asks for and the text it is about. */
export function splitInstruction(prompt: string): {
  readonly instruction: string;
  readonly text: string;
} {
  const instructions: string[] = [];
  const rest: string[] = [];
  for (const line of prompt.split("\n")) {
    // One instruction is enough: the text itself may speak of summaries.
    if (instructions.length > 0 || !asksForSummary(line)) {
      rest.push(line);
      continue;
    }
    const [, head, tail] = /^([^:]*):\s*(.*)$/.exec(line) ?? [];
    if (head !== undefined && tail !== undefined && asksForSummary(head)) {
      instructions.push(head);
      rest.push(tail);
      continue;
    }
    for (const sentence of sentencesOf(line))
      (instructions.length === 0 && asksForSummary(sentence)
        ? instructions
        : rest
      ).push(sentence);
  }
  return {
    instruction: instructions.join(" "),
    text: rest.join("\n").trim(),
  };
}

/**
 * The best sentences of a text, in their own order, after SumBasic: a sentence's score is the mean frequency of its
 * terms in the text, and a little more the earlier it comes; the terms of a chosen sentence then count squared, so
 * that the next one says something else.
 */
export function summarize(text: string, length: Length): string {
  const sentences = sentencesOf(text);
  const limit = length.sentences ?? (length.words === undefined ? 3 : Infinity);
  const chosen = new Set<number>();
  const weights = frequencies(sentences);
  let words = length.words ?? Infinity;
  while (chosen.size < limit) {
    const next = best(sentences, weights, chosen, words);
    if (next === undefined) break;
    chosen.add(next.index);
    words -= wordCount(next.sentence);
    for (const term of new Set(termsOf(next.sentence)))
      weights.set(term, Number(weights.get(term)) ** 2);
  }
  if (chosen.size === 0) return firstWords(sentences, weights, length.words);
  const kept = sentences.filter((_, index) => chosen.has(index));
  return length.bullets === true
    ? kept.map((sentence) => `- ${sentence}`).join("\n")
    : kept.join(" ");
}

/** The terms that a text uses most, the most frequent first. */
export function topTerms(text: string, count: number): string[] {
  const found = new Map<string, { readonly word: string; count: number }>();
  for (const [word] of text.matchAll(/\p{L}[\p{L}\p{N}'’-]{2,}/gu)) {
    const [term] = termsOf(word);
    if (term === undefined) continue;
    const entry = found.get(term) ?? { word: word.toLowerCase(), count: 0 };
    entry.count++;
    found.set(term, entry);
  }
  return [...found.values()]
    .sort((left, right) => right.count - left.count)
    .slice(0, count)
    .map(({ word }) => word);
}

function frequencies(sentences: readonly string[]): Map<string, number> {
  const terms = sentences.flatMap(termsOf);
  const weights = new Map<string, number>();
  for (const term of terms)
    weights.set(term, (weights.get(term) ?? 0) + 1 / terms.length);
  return weights;
}

function best(
  sentences: readonly string[],
  weights: ReadonlyMap<string, number>,
  chosen: ReadonlySet<number>,
  maxWords: number,
): { readonly index: number; readonly sentence: string } | undefined {
  let found: { index: number; sentence: string } | undefined;
  let bestScore = -1;
  for (const [index, sentence] of sentences.entries()) {
    if (chosen.has(index) || wordCount(sentence) > maxWords) continue;
    const terms = termsOf(sentence);
    const sum = terms.reduce(
      (total, term) => total + Number(weights.get(term)),
      0,
    );
    const score = (sum / Math.max(terms.length, 3)) * (1 + 0.2 / (index + 1));
    if (score > bestScore) {
      bestScore = score;
      found = { index, sentence };
    }
  }
  return found;
}

/** No sentence is short enough: the beginning of the best one. */
function firstWords(
  sentences: readonly string[],
  weights: ReadonlyMap<string, number>,
  count: number | undefined,
): string {
  const sentence =
    best(sentences, weights, new Set(), Infinity)?.sentence ?? "";
  const words = sentence.split(/\s+/).slice(0, count);
  return `${words.join(" ").replace(/[,;:]$/, "")}…`;
}
