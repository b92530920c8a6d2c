import fc from "fast-check";

/** A type of TypeScript with what is known of it without reading it. */
export interface RandomType {
  readonly text: string;
  /** Declarations that it needs. */
  readonly before: string;
  /** Whether the JSON of a value fits. */
  readonly fits: (value: unknown) => boolean;
  /** Values that fit. */
  readonly values: fc.Arbitrary<unknown>;
}

export interface Members {
  readonly [name: string]: {
    readonly type: RandomType;
    readonly isOptional: boolean;
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const simple = (
  text: string,
  fits: (value: unknown) => boolean,
  values: fc.Arbitrary<unknown>,
): RandomType => ({ text, before: "", fits, values });

export const STRING = simple(
  "string",
  (value) => typeof value === "string",
  fc.string(),
);

const literal = (value: string | number | boolean | null) =>
  simple(JSON.stringify(value), (given) => given === value, fc.constant(value));

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

const leaves = fc.oneof(
  fc.constantFrom(
    STRING,
    simple("number", (value) => typeof value === "number", finite),
    simple("boolean", (value) => typeof value === "boolean", fc.boolean()),
    simple("null", (value) => value === null, fc.constant(null)),
    simple("unknown", () => true, fc.jsonValue()),
    simple(
      "object",
      (value) => isRecord(value),
      fc.dictionary(fc.string(), fc.jsonValue()),
    ),
  ),
  fc.constantFrom("a", "b", 'it"s', "", 1, -2.5, true, null).map(literal),
);

const name = fc.constantFrom(
  "a",
  "b",
  "items",
  "type",
  "properties",
  "additionalItems",
  "default",
  "if",
);

/** How often a declaration of this run has been made: its names are its own. */
let count = 0;

function listOf(item: RandomType, isReadonly: boolean): RandomType {
  return {
    text: isReadonly ? `readonly (${item.text})[]` : `Array<${item.text}>`,
    before: item.before,
    fits: (value) => Array.isArray(value) && value.every(item.fits),
    values: fc.array(item.values, { maxLength: 3 }),
  };
}

function mapOf(item: RandomType): RandomType {
  return {
    text: `Record<string, ${item.text}>`,
    before: item.before,
    fits: (value) => isRecord(value) && Object.values(value).every(item.fits),
    values: fc.dictionary(fc.string(), item.values, { maxKeys: 3 }),
  };
}

function unionOf(types: readonly RandomType[]): RandomType {
  return {
    text: types.map(({ text }) => `(${text})`).join(" | "),
    before: types.map(({ before }) => before).join(""),
    fits: (value) => types.some(({ fits }) => fits(value)),
    values: fc.oneof(...types.map(({ values }) => values)),
  };
}

function tupleOf(types: readonly RandomType[]): RandomType {
  return {
    text: `[${types.map(({ text }) => text).join(", ")}]`,
    before: types.map(({ before }) => before).join(""),
    fits: (value) =>
      Array.isArray(value) &&
      value.length === types.length &&
      types.every(({ fits }, index) => fits(value[index])),
    values: fc.tuple(...types.map(({ values }) => values)),
  };
}

type Kind = "literal" | "interface" | "alias" | "generic" | "recursive";

/** The type as it is used, and its declaration. */
function written(
  own: string,
  kind: Kind,
  inside: string,
): readonly [string, string] {
  switch (kind) {
    case "literal":
      return [`{ ${inside} }`, ""];
    case "interface":
      return [own, `interface ${own} { ${inside} }\n`];
    case "alias":
      return [`Readonly<${own}>`, `type ${own} = { ${inside} };\n`];
    case "generic":
      return [`${own}<1>`, `interface ${own}<T> { ${inside} tag?: T }\n`];
    case "recursive":
      return [own, `interface ${own} { ${inside} tag?: ${own} | null }\n`];
  }
}

export function objectOf(members: Members, kind: Kind): RandomType {
  const entries = Object.entries(members);
  const inside = entries
    .map(
      ([name, { type, isOptional }]) =>
        `/** The ${name}. */ ${name}${isOptional ? "?" : ""}: ${type.text};`,
    )
    .join(" ");
  const own = `Type${count++}`;
  const [text, declaration] = written(own, kind, inside);
  const required = entries
    .filter(([, { isOptional }]) => !isOptional)
    .map(([name]) => name);
  const values = (tag: Record<string, fc.Arbitrary<unknown>>) =>
    fc.record(
      { ...mapValues(members, ({ type }) => type.values), ...tag },
      { requiredKeys: required },
    );
  const fits = (value: unknown): boolean =>
    isRecord(value) &&
    required.every((name) => Object.hasOwn(value, name)) &&
    Object.entries(value).every(([name, one]) => {
      if (Object.hasOwn(members, name)) return members[name]?.type.fits(one);
      if (name !== "tag") return false;
      if (kind === "generic") return one === 1;
      return kind === "recursive" && (one === null || fits(one));
    });
  const tags = {
    generic: { tag: fc.constant(1) },
    recursive: { tag: fc.oneof(fc.constant(null), values({})) },
  };
  return {
    text,
    before: entries.map(([, { type }]) => type.before).join("") + declaration,
    fits,
    values: values(
      kind === "generic" || kind === "recursive" ? tags[kind] : {},
    ),
  };
}

function mapValues<Value, Result>(
  values: Readonly<Record<string, Value>>,
  change: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, change(value)]),
  );
}

export const randomTypes = fc.letrec<{ type: RandomType; members: Members }>(
  (tie) => ({
    type: fc.oneof(
      { maxDepth: 3, depthIdentifier: "type" },
      leaves,
      fc
        .tuple(tie("type"), fc.boolean())
        .map(([item, isReadonly]) => listOf(item, isReadonly)),
      tie("type").map(mapOf),
      fc.array(tie("type"), { minLength: 2, maxLength: 3 }).map(unionOf),
      fc.array(tie("type"), { minLength: 1, maxLength: 3 }).map(tupleOf),
      fc
        .tuple(
          tie("members"),
          fc.constantFrom(
            "literal",
            "interface",
            "alias",
            "generic",
            "recursive",
          ),
        )
        .map(([members, kind]) => objectOf(members, kind)),
    ),
    members: fc.dictionary(
      name,
      fc.record({ type: tie("type"), isOptional: fc.boolean() }),
      { minKeys: 1, maxKeys: 4 },
    ),
  }),
);
