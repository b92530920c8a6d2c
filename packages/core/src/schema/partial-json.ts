type Container = Record<string, unknown> | unknown[];

/** An object or array that is still open. It is put into the outer one when it is closed. */
interface Frame {
  readonly container: Container;
  /** Objects only: the key of the value being read. */
  key: string;
  readonly outer: Frame;
}

/** What may come next; `over` after the end, or after what is no JSON. */
type State =
  | "prose"
  | "first"
  | "value"
  | "key"
  | "colon"
  | "next"
  | "string"
  | "escape"
  | "scalar"
  | "over";

const BRACKET = /[[{]/g;
const SPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings have none
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SCALAR = /[a-z0-9+.E-]*/y;

const SCALAR_START = /[-0-9tfn]/;
const LITERAL_LENGTH: ReadonlyMap<string, number> = new Map([
  ["t", 4],
  ["f", 5],
  ["n", 4],
]);
const HIGH_SURROGATE = /[\ud800-\udbff]$/;
const ESCAPED: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/**
 * Reads JSON that arrives in pieces and gives the object or array as far as it has come. Strings grow; numbers, literals
 * and keys appear once they are complete. Text before the first bracket is passed over, as is a bracket that does not
 * begin JSON, and what follows the end. Where the text stops being JSON, the value stops growing. Keys named `__proto__`
 * are left out.
 *
 * All pushes together take time in proportion to the text. A read copies the containers that are still open and nothing
 * that is closed, so that values read before do not change.
 */
export class PartialJson {
  #state: State = "prose";
  /** Holds the whole value once it is closed. */
  readonly #base: Frame = outermost();
  #frame: Frame = this.#base;
  /** The string or scalar being read. */
  #token = "";
  /** What follows a backslash. */
  #escape = "";
  /** The first half of a surrogate pair, held back until the second one comes. */
  #half = "";
  #isKey = false;
  /** Of a scalar; undefined when it is a number. */
  #literalLength: number | undefined;
  /** Whether a part of the value has been read, so that its bracket was not prose. */
  #hasContent = false;
  #copy: unknown;

  /** Whether there is a value, without the cost of a read. */
  get hasValue(): boolean {
    return this.#frame !== this.#base || this.#state === "over";
  }

  /** The value so far; undefined before its first bracket. */
  get value(): unknown {
    this.#copy ??= this.#read();
    return this.#copy;
  }

  push(piece: string): void {
    this.#copy = undefined;
    let at = 0;
    while (at < piece.length && this.#state !== "over")
      at = this.#advance(piece, at);
  }

  #read(): unknown {
    let frame = this.#frame;
    if (frame === this.#base) return Object(frame.container)[0];
    const isInString = this.#state === "string" || this.#state === "escape";
    let inner: unknown = isInString && !this.#isKey ? this.#token : undefined;
    for (; frame !== this.#base; frame = frame.outer) {
      const { container, key } = frame;
      const copy = Array.isArray(container) ? [...container] : { ...container };
      if (inner !== undefined) put(copy, key, inner);
      inner = copy;
    }
    return inner;
  }

  /** Reads some of the piece and returns where it stopped. */
  #advance(piece: string, at: number): number {
    switch (this.#state) {
      case "prose":
        return this.#readProse(piece, at);
      case "string":
        return this.#readString(piece, at);
      case "escape":
        return this.#readEscape(piece, at);
      case "scalar":
        return this.#readScalar(piece, at);
      default:
        return this.#readMark(piece, skip(piece, SPACE, at));
    }
  }

  #readProse(piece: string, at: number): number {
    BRACKET.lastIndex = at;
    if (!BRACKET.test(piece)) return piece.length;
    this.#open(piece[BRACKET.lastIndex - 1] === "{" ? {} : []);
    return BRACKET.lastIndex;
  }

  #readMark(piece: string, at: number): number {
    const mark = piece[at];
    if (mark === undefined) return at;
    const state = this.#state;
    const isInArray = Array.isArray(this.#frame.container);
    if (state === "first" || state === "next") {
      if (mark === (isInArray ? "]" : "}")) {
        const { container, outer } = this.#frame;
        this.#frame = outer;
        this.#complete(container);
        return at + 1;
      }
      if (state === "next") {
        if (mark !== ",") return this.#fail(at);
        this.#state = isInArray ? "value" : "key";
        return at + 1;
      }
    }
    if (state === "colon") {
      if (mark !== ":") return this.#fail(at);
      this.#hasContent = true;
      this.#state = "value";
      return at + 1;
    }
    this.#isKey = state === "key" || (state === "first" && !isInArray);
    this.#token = "";
    if (mark === '"') this.#state = "string";
    else if (this.#isKey) return this.#fail(at);
    else if (mark === "{") this.#open({});
    else if (mark === "[") this.#open([]);
    else if (!SCALAR_START.test(mark)) return this.#fail(at);
    else {
      this.#literalLength = LITERAL_LENGTH.get(mark);
      this.#state = "scalar";
      return at;
    }
    return at + 1;
  }

  #readString(piece: string, at: number): number {
    const end = skip(piece, PLAIN, at);
    this.#append(piece.slice(at, end));
    switch (piece[end]) {
      case undefined:
        return end;
      case "\\":
        this.#escape = "";
        this.#state = "escape";
        return end + 1;
      case '"':
        this.#token += this.#half;
        this.#half = "";
        if (this.#isKey) {
          this.#frame.key = this.#token;
          this.#state = "colon";
        } else this.#complete(this.#token);
        return end + 1;
      default:
        return this.#fail(end);
    }
  }

  #readEscape(piece: string, at: number): number {
    this.#escape += piece[at];
    const escaped = ESCAPED.get(this.#escape);
    if (escaped !== undefined) this.#append(escaped);
    else if (/^u[0-9a-fA-F]{4}$/.test(this.#escape))
      this.#append(String.fromCharCode(parseInt(this.#escape.slice(1), 16)));
    else if (/^u[0-9a-fA-F]{0,3}$/.test(this.#escape)) return at + 1;
    else return this.#fail(at);
    this.#state = "string";
    return at + 1;
  }

  /** Both halves of a character at once: a reader never sees half of one. */
  #append(text: string): void {
    if (text === "") return;
    const whole = this.#half + text;
    this.#half = HIGH_SURROGATE.exec(text.slice(-1))?.[0] ?? "";
    this.#token +=
      this.#half === "" ? whole : whole.slice(0, -this.#half.length);
  }

  #readScalar(piece: string, at: number): number {
    let end = skip(piece, SCALAR, at);
    // A literal ends with its last letter; a number may go on in the next piece.
    const length = this.#literalLength;
    if (length !== undefined)
      end = Math.min(end, at + length - this.#token.length);
    this.#token += piece.slice(at, end);
    if (end < piece.length || this.#token.length === length)
      try {
        this.#complete(JSON.parse(this.#token));
      } catch {
        return this.#fail(end);
      }
    return end;
  }

  #open(container: Container): void {
    this.#frame = { container, key: "", outer: this.#frame };
    this.#state = "first";
  }

  #complete(value: unknown): void {
    put(this.#frame.container, this.#frame.key, value);
    this.#hasContent = true;
    this.#state = this.#frame === this.#base ? "over" : "next";
  }

  #fail(at: number): number {
    if (this.#hasContent) {
      // What a broken string had stays.
      const isInString = this.#state === "string" || this.#state === "escape";
      if (isInString && !this.#isKey) this.#complete(this.#token);
      this.#state = "over";
    } else {
      this.#frame = this.#base;
      this.#half = "";
      this.#state = "prose";
    }
    return at;
  }
}

/** The index after the match of a sticky expression that matches everywhere, if only nothing. */
function skip(text: string, expression: RegExp, at: number): number {
  expression.lastIndex = at;
  expression.test(text);
  return expression.lastIndex;
}

function put(container: Container, key: string, value: unknown): void {
  if (Array.isArray(container)) container.push(value);
  else if (key !== "__proto__") container[key] = value;
}

function outermost(): Frame {
  const frame = { container: [], key: "", outer: undefined as unknown };
  frame.outer = frame;
  // Its outer frame is itself, so that every frame has one.
  return frame as Frame;
}
