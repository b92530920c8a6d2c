export interface Token {
  readonly kind: "number" | "text" | "name" | "symbol" | "end" | "unknown";
  readonly source: string;
  /** Where it begins, counted from 0. */
  readonly at: number;
}

const SPACE = /\s*/y;
const KINDS: readonly (readonly [Token["kind"], RegExp])[] = [
  ["number", /-?(?:\d+(?:_\d+)*(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?/iy],
  ["text", /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy],
  ["name", /[a-z_]\w*(?:\.[\w-]+)*/iy],
  ["symbol", /[<>=!]=|&&|\|\||[<>!()]/y],
  ["unknown", /./suy],
];

/** The tokens of a rule, the last one of which is the end or what cannot be read. */
export function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0] ?? "";
  };
  for (;;) {
    at += match(SPACE).length;
    const token = next();
    tokens.push(token);
    if (token.kind === "end" || token.kind === "unknown") return tokens;
    at += token.source.length;
  }

  function next(): Token {
    for (const [kind, pattern] of KINDS) {
      const found = match(pattern);
      if (found !== "") return { kind, source: found, at };
    }
    return { kind: "end", source: "", at };
  }
}
