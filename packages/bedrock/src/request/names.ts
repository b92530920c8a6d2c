/** Letters, digits, `_` and `-`, at most 64 of them: so says the service of the names and ids of tools. */
const OTHER = /[^a-zA-Z0-9_-]+/g;
const LONGEST = 64;

/** gpt-oss writes the channel that it answers in behind the name: `json<|channel|>commentary`. */
const CHANNEL = /<\|.*$/s;

/** The name of a tool as the caller knows it. */
export function toolName(written: string): string {
  return written.replace(CHANNEL, "");
}

/** A name that the service takes in a history, whoever has written it. */
export function fittingName(written: string): string {
  return fitting(toolName(written)) || "unnamed";
}

const fitting = (text: string) => text.replace(OTHER, "_").slice(0, LONGEST);

/** Gives the same text the same name each time, and no two texts one name. */
export class UniqueNames {
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();
  readonly #fit: (text: string) => string;
  readonly #numbered: (name: string, count: number) => string;

  constructor(
    fit: (text: string) => string,
    numbered: (name: string, count: number) => string,
  ) {
    this.#fit = fit;
    this.#numbered = numbered;
  }

  /** What is good as it is keeps its name: reserve it before others can be given it. */
  reserve(text: string): void {
    if (this.#fit(text) !== text || this.#names.has(text)) return;
    this.#names.set(text, text);
    this.#taken.add(text);
  }

  of(text: string): string {
    return this.#names.get(text) ?? this.#add(text);
  }

  /** A name of its own for each, also for the same text. */
  another(text: string): string {
    return this.#taken.has(this.#fit(text)) ? this.#add(text) : this.of(text);
  }

  #add(text: string): string {
    const wanted = this.#fit(text);
    let name = wanted;
    for (let count = 2; this.#taken.has(name); count++)
      name = this.#numbered(wanted, count);
    this.#names.set(text, name);
    this.#taken.add(name);
    return name;
  }
}

/** Ids of tool calls: of another service they can have other characters. */
export const toolUseIds = () =>
  new UniqueNames(
    (id) => fitting(id) || "call",
    (id, count) => `${id.slice(0, LONGEST - 8)}_${count}`,
  );

const LONGEST_DOCUMENT_NAME = 200;

/**
 * Letters, digits, single spaces, hyphens, parentheses and brackets.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
 */
function documentName(given: string): string {
  const name = given
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .replace(/[^a-zA-Z0-9\s()[\]-]+/g, "-")
    .replace(/\s+/g, " ")
    .slice(0, LONGEST_DOCUMENT_NAME)
    .trim();
  return /[a-zA-Z0-9]/.test(name) ? name : "document";
}

/** Names of documents, which must differ within a request. */
export const documentNames = () =>
  new UniqueNames(
    documentName,
    (name, count) =>
      `${name.slice(0, LONGEST_DOCUMENT_NAME - 8).trimEnd()} (${count})`,
  );
