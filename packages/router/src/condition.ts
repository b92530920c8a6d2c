import { ConfigurationError } from "@lambdallm/core";
import type { RouteFacts } from "./facts.ts";
import { type Token, tokensOf } from "./tokens.ts";

export type Condition = (facts: RouteFacts) => boolean;

type Kind = "a number" | "true or false" | "text";

/** A part of a rule: what it is, where it begins, and its value once the facts are known. */
interface Part {
  readonly kind: Kind;
  readonly at: Token;
  readonly read: (facts: RouteFacts) => number | string | boolean | undefined;
}

const WORDS: readonly string[] = ["and", "or", "not"];
const MAX_LENGTH = 1_000;
const MAX_DEPTH = 50;

const FACTS: Readonly<
  Record<Exclude<keyof RouteFacts, "tags" | "request">, Kind>
> = {
  inputTokens: "a number",
  maxTokens: "a number",
  hasTools: "true or false",
  hasImages: "true or false",
  hasDocuments: "true or false",
  hasVideo: "true or false",
  hasAudio: "true or false",
  hasSchema: "true or false",
  isStreaming: "true or false",
  budgetShareLeft: "a number",
  budgetConsumed: "a number",
  remainingTimeMs: "a number",
};

const NAMES = new Map(
  // Object.keys of a record whose keys are these.
  (Object.keys(FACTS) as (keyof typeof FACTS)[]).flatMap((name) => [
    [name, name],
    [toSnakeCase(name), name],
  ]),
);

const TAG = "tags.";
const KNOWN = `${Object.keys(FACTS).map(toSnakeCase).join(", ")}, tags.NAME`;

const COMPARISONS: ReadonlyMap<
  string,
  (left: number | string | boolean, right: number | string | boolean) => boolean
> = new Map([
  ["<", (left, right) => left < right],
  ["<=", (left, right) => left <= right],
  [">", (left, right) => left > right],
  [">=", (left, right) => left >= right],
  ["==", (left, right) => left === right],
  ["!=", (left, right) => left !== right],
]);
const EQUALITY: readonly string[] = ["==", "!="];

/**
 * Reads a rule such as `input_tokens < 100 and not has_images`. Nothing is evaluated but what is read here.
 *
 * @param owner Names the rule in errors.
 * @throws {ConfigurationError} with the position of what is wrong and what was expected there.
 */
export function parseCondition(owner: string, source: string): Condition {
  if (source.length > MAX_LENGTH)
    throw new ConfigurationError(
      `${owner}: the rule has ${source.length} characters; at most ${MAX_LENGTH} are read. Write a function instead.`,
    );
  return new Parser(owner, source).parse();
}

class Parser {
  readonly #owner: string;
  readonly #tokens: readonly Token[];
  #index = 0;
  #depth = 0;

  constructor(owner: string, source: string) {
    this.#owner = owner;
    this.#tokens = tokensOf(source);
  }

  parse(): Condition {
    const whole = this.#either();
    if (this.#token.kind !== "end")
      this.#expected(
        whole.kind === "true or false"
          ? '"and", "or", or the end'
          : `one of ${[...COMPARISONS.keys()].join(" ")}`,
      );
    return this.#condition(whole);
  }

  get #token(): Token {
    // The end is the last token, and nothing goes past it.
    return this.#tokens[this.#index] as Token;
  }

  #accept(...sources: readonly string[]): boolean {
    const accepted = sources.includes(this.#token.source);
    if (accepted) this.#index += 1;
    return accepted;
  }

  #either(): Part {
    return this.#joined(["or", "||"], () =>
      this.#joined(["and", "&&"], () => this.#negation()),
    );
  }

  /** Parts with `and` or with `or` between them; a single part stays what it is. */
  #joined(words: readonly string[], next: () => Part): Part {
    const first = next();
    if (!words.includes(this.#token.source)) return first;
    const all = [this.#condition(first)];
    while (this.#accept(...words)) all.push(this.#condition(next()));
    return {
      kind: "true or false",
      at: first.at,
      read: words.includes("and")
        ? (facts) => all.every((holds) => holds(facts))
        : (facts) => all.some((holds) => holds(facts)),
    };
  }

  #negation(): Part {
    const at = this.#token;
    if (!this.#accept("not", "!")) return this.#comparison();
    const holds = this.#condition(this.#nested(() => this.#negation()));
    return { kind: "true or false", at, read: (facts) => !holds(facts) };
  }

  #comparison(): Part {
    const left = this.#value();
    const operator = this.#token;
    const compare = COMPARISONS.get(operator.source);
    if (compare === undefined) return left;
    this.#index += 1;
    const right = this.#value();
    if (left.kind !== right.kind)
      this.#expected(`${left.kind} to compare with ${left.kind}`, right);
    if (left.kind !== "a number" && !EQUALITY.includes(operator.source))
      this.#expected(`== or !=, because this is ${left.kind}`, {
        at: operator,
      });
    return {
      kind: "true or false",
      at: left.at,
      read: (facts) => {
        const one = left.read(facts);
        const other = right.read(facts);
        // Nothing can be said about a fact that nobody knows.
        return one !== undefined && other !== undefined && compare(one, other);
      },
    };
  }

  #value(): Part {
    const at = this.#token;
    if (this.#accept("(")) {
      const inner = this.#nested(() => this.#either());
      if (!this.#accept(")")) this.#expected('")"');
      return inner;
    }
    const part = this.#literal(at) ?? this.#fact(at);
    if (part === undefined)
      return this.#expected('a fact, a number, a text in quotes, or "("');
    this.#index += 1;
    return part;
  }

  #literal(at: Token): Part | undefined {
    const { kind, source } = at;
    if (kind === "text") {
      const text = source.slice(1, -1).replace(/\\(.)/gs, "$1");
      return { kind: "text", at, read: () => text };
    }
    if (kind === "number") {
      const value = Number(source.replaceAll("_", ""));
      if (!Number.isFinite(value)) this.#expected("a finite number");
      return { kind: "a number", at, read: () => value };
    }
    if (source !== "true" && source !== "false") return undefined;
    return { kind: "true or false", at, read: () => source === "true" };
  }

  #fact(at: Token): Part | undefined {
    const { kind, source } = at;
    if (kind !== "name" || WORDS.includes(source)) return undefined;
    if (source.startsWith(TAG)) {
      const tag = source.slice(TAG.length);
      return {
        kind: "text",
        at,
        read: ({ tags }) => (Object.hasOwn(tags, tag) ? tags[tag] : undefined),
      };
    }
    const name = NAMES.get(source);
    if (name === undefined) this.#expected(`one of ${KNOWN}`);
    return { kind: FACTS[name], at, read: (facts) => facts[name] };
  }

  /** A part that is true or false, as a function. */
  #condition({ kind, at, read }: Part): Condition {
    if (kind !== "true or false")
      this.#expected(`a condition, but this is ${kind}: compare it`, { at });
    return (facts) => read(facts) === true;
  }

  #nested(read: () => Part): Part {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH)
      this.#expected(`at most ${MAX_DEPTH} levels of "(" and "not"`);
    const part = read();
    this.#depth -= 1;
    return part;
  }

  #expected(what: string, { at }: { at: Token } = { at: this.#token }): never {
    const found =
      at.kind === "end" ? "the end" : JSON.stringify(at.source.slice(0, 40));
    throw new ConfigurationError(
      `${this.#owner}: expected ${what}; found ${found} at position ${at.at + 1}.`,
    );
  }
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
