import { type Field, findString, namesIn } from "./find-string.ts";
import { summarize, topTerms } from "./summary.ts";
import { literally, sentencesOf, wordsOf, wordsOfName } from "./text.ts";

/** The texts for a list: what is listed after its name, else what the name means, else the lines of a list. */
export function findStrings(items: unknown, field: Field): string[] {
  const found = listed(field) ?? byMeaning(field) ?? bullets(field.text);
  if (found !== undefined) return [...new Set(found)];
  const each = sentencesOf(field.text)
    .map((text) =>
      findString(items, { ...field, text, name: singular(field.name) }),
    )
    .filter((value) => value !== undefined);
  return [...new Set(each)];
}

/** "tags: red, green and blue", "the tags are red and green". */
function listed({ name, text }: Field): string[] | undefined {
  const pattern = wordsOfName(name).map(literally).join("[\\s_-]*");
  if (pattern === "") return undefined;
  const list = new RegExp(
    `(?<!\\p{L})${pattern}(?:\\s*[:=]|\\s+are)\\s+([^.!?\\n]+)`,
    "iu",
  ).exec(text)?.[1];
  return list
    ?.split(/\s*[,;]\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+/)
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function byMeaning({ name, text }: Field): string[] | undefined {
  const words = wordsOf(wordsOfName(name).join(" "));
  const means = (pattern: RegExp) => words.some((word) => pattern.test(word));
  if (means(/^(?:keyword|tag|topic|term|categor|label)/))
    return topTerms(text, 5);
  if (means(/^(?:point|highlight|fact|takeaway|finding|summar|step|sentence)/))
    return sentencesOf(summarize(text, { sentences: 3 }));
  if (means(/^(?:name|people|person|cit|countr|place|location|compan|entit)/))
    return namesIn(text);
  return undefined;
}

function bullets(text: string): string[] | undefined {
  const lines = text
    .split("\n")
    .map((line) => /^\s*(?:[-*•]|\d+[.)])\s+(.+)$/.exec(line)?.[1]?.trim())
    .filter((line) => line !== undefined);
  return lines.length === 0 ? undefined : lines;
}

function singular(name: string): string {
  return name.replace(/ies$/, "y").replace(/s$/, "");
}
