import type { Field } from "./find-string.ts";
import {
  literally,
  sentencesOf,
  termsOf,
  wordsOf,
  wordsOfName,
} from "./text.ts";

const POSITIVE = new Set(
  "good great excellent love loved like liked happy amazing best fantastic perfect wonderful enjoy enjoyed recommend fast easy helpful thanks nice awesome delightful pleased".split(
    " ",
  ),
);
const NEGATIVE = new Set(
  "bad terrible awful hate hated worst poor broken slow disappointed disappointing problem never refund horrible useless angry unhappy late wrong annoying fail failed fails crash crashes".split(
    " ",
  ),
);

/** The choice that the text mentions first; for feelings, the one that its words speak of. */
export function findChoice(choices: readonly unknown[], field: Field): unknown {
  return findChoices(choices, field)[0] ?? feeling(choices, field.text);
}

/** The choices that the text mentions, in its order. */
export function findChoices(
  choices: readonly unknown[],
  field: Field,
): unknown[] {
  return choices
    .map((choice) => ({ choice, at: mentionOf(choice, field.text) }))
    .filter(({ at }) => at !== -1)
    .sort((left, right) => left.at - right.at)
    .map(({ choice }) => choice);
}

function mentionOf(choice: unknown, text: string): number {
  const words = wordsOfName(String(choice));
  if (words.length === 0) return -1;
  const pattern = words.map(literally).join("[\\s_-]+");
  return text.search(
    new RegExp(`(?<![\\p{L}\\p{N}])${pattern}(?![\\p{L}\\p{N}])`, "iu"),
  );
}

function feeling(choices: readonly unknown[], text: string): unknown {
  const named = (name: RegExp) =>
    choices.find((choice) => name.test(String(choice)));
  const positive = named(/^positive$/i);
  const negative = named(/^negative$/i);
  if (positive === undefined || negative === undefined) return undefined;
  let score = 0;
  for (const word of wordsOf(text)) {
    if (POSITIVE.has(word)) score++;
    if (NEGATIVE.has(word)) score--;
  }
  if (score === 0) return named(/^(?:neutral|mixed)$/i);
  return score > 0 ? positive : negative;
}

const NEGATION =
  /\b(?:not|no|never|without|isn't|aren't|doesn't|don't|didn't|won't|can't|cannot|un\w+)\b/i;

/** True when a sentence speaks of the field's name, false when it denies it. */
export function findBoolean(field: Field): boolean | undefined {
  const terms = new Set(termsOf(wordsOfName(field.name).join(" ")));
  const sentence = sentencesOf(field.text).find((candidate) =>
    termsOf(candidate).some((term) => terms.has(term)),
  );
  if (sentence === undefined) return undefined;
  const assigned = /[:=]\s*(true|yes|false|no)\b/i.exec(sentence)?.[1];
  return assigned === undefined
    ? !NEGATION.test(sentence)
    : /^(?:true|yes)$/i.test(assigned);
}
