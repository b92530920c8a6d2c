import * as fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import { extractJson } from "../src/schema/extract-json.ts";

const MEGABYTE = 1_000_000;

describe("extractJson finds", () => {
  test.each<[what: string, text: string, json: string]>([
    ["the whole text", ' {"a":1}\n', '{"a":1}'],
    ["a scalar", '"yes"', '"yes"'],
    ["a fenced block", 'Here:\n```json\n{"a":1}\n```\nBye', '{"a":1}'],
    ["a fenced block without a name", "```\n[1,2]\n```", "[1,2]"],
    ["a fenced block on one line", '```json {"a":1}```', '{"a":1}'],
    ["a fenced block that is not closed", '```JSON\n{"a":1}', '{"a":1}'],
    [
      "the longest of two blocks",
      "```json\n[1]\n```\n```json\n[1,2]\n```",
      "[1,2]",
    ],
    ["the first of equal blocks", "```\n[1]\n```\n```\n[2]\n```", "[1]"],
    [
      "a block before longer prose",
      '```json\n[1]\n``` {"aaaa":[1,2,3]}',
      "[1]",
    ],
    [
      "fences inside of a string",
      '```json\n{"a":"```json\\n[1]```"}\n```',
      '{"a":"```json\\n[1]```"}',
    ],
    ["JSON in prose", 'Sure: {"a":{"b":[1]}} - done.', '{"a":{"b":[1]}}'],
    ["the longest in prose", 'See [1], so {"a":1}.', '{"a":1}'],
    ["brackets in strings", 'A: {"a":"}]{[\\"}"} B', '{"a":"}]{[\\"}"}'],
    ["JSON after a bracket of prose", 'Use {name and "x: {"a":1}', '{"a":1}'],
    ["JSON after brackets of prose", 'From {a: [1]} comes {"a":1}', '{"a":1}'],
    ["JSON after an escaped bracket", '{x \\} } {"a":1}', '{"a":1}'],
    ["JSON after an open quote", '{x "}\n } {"a":1}', '{"a":1}'],
    [
      "JSON after JSON that is broken",
      '{"a": x, "b": [1, 2]} or {"a":1}',
      '{"a":1}',
    ],
    [
      "JSON beside an unnamed language",
      '```js\nf({x})\n```\n{"a":1}',
      '{"a":1}',
    ],
    [
      "every kind of value",
      'x [ true , false, null , -1.5e+3 , "\\u00e9" , { } , [ ] ] y',
      '[ true , false, null , -1.5e+3 , "\\u00e9" , { } , [ ] ]',
    ],
  ])("%s", (_, text, json) => {
    expect(extractJson(text)).toEqual({ value: JSON.parse(json), text: json });
  });
});

describe("extractJson finds nothing", () => {
  test.each<[what: string, text: string]>([
    ["in an empty text", ""],
    ["in prose", "I cannot do that."],
    ["in an object that is cut", '{"a":[{"b":1},{"c":'],
    ["in a block that is cut", '```json\n[{"a":1},{"a":2},\n```'],
    ["in a string that is cut", '{"a":"[1,2]'],
    ["in broken JSON", '{"a": oops, "b": [1, 2]}'],
    ["in a key without a colon", '{"a" [1]}'],
    ["in a key without quotes", "{ a: [1] }"],
    ["after a comma too many", "[[1],]"],
    ["with a wrong number", "[[1], 01]"],
    ["with a wrong escape", '["\\x", [1]]'],
    ["with a line break in a string", '{"a":"x\ny","b":[1]}'],
    ["after too many open brackets", `${"{x ".repeat(9)}[1]`],
  ])("%s", (_, text) => {
    expect(extractJson(text)).toBeUndefined();
  });
});

test("the text found is a part of the answer, and its value", () => {
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\",
    "```",
    "```json\n",
    "\n",
    " ",
    ",",
    ":",
    "1",
    "-",
    "true",
    "a",
    "\\u00",
    '"a":',
    "{}",
  );
  const texts = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const found = extractJson(text);
      if (found === undefined) return;
      expect(text).toContain(found.text);
      expect(found.value).toEqual(JSON.parse(found.text));
    }),
    { numRuns: rounds(1_000, 3_000) },
  );
});

test("JSON of any shape is found in prose and in a fenced block", () => {
  const json = fc
    .oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()))
    .chain((value) =>
      fc.constantFrom(JSON.stringify(value), JSON.stringify(value, null, 2)),
    )
    .filter((text) => !text.includes("__proto__"));
  fc.assert(
    fc.property(
      json,
      fc.constantFrom("", "Well: ", "a `b` 'c\n"),
      (text, prose) => {
        const found = { value: JSON.parse(text), text };
        expect(extractJson(`${prose}${text}\n${prose}`)).toEqual(found);
        expect(
          extractJson(`${prose}\`\`\`json\n${text}\n\`\`\`${prose}`),
        ).toEqual(found);
      },
    ),
    { numRuns: rounds(300, 1_000) },
  );
});

test.each([
  "{",
  "[",
  '"',
  "\\",
  "```",
  "```json\n{",
  "```json\n",
  "{}",
  "[1]",
  "{x",
  '{"',
  '{"a":',
  '["',
  '["\\',
  "[\n",
  "```\n[[[",
  " ",
  "```   ",
  "{x}",
  '[1,"',
  "[1 ",
  "]",
  '{"a":1} ',
  "```[1",
])("a megabyte of %j takes no longer than its length", (piece) => {
  const text = (length: number) => `x ${piece.repeat(length / piece.length)}`;
  const time = (length: number) => {
    const input = text(length);
    const start = performance.now();
    extractJson(input);
    return performance.now() - start;
  };
  time(MEGABYTE / 10);
  // Quadratic would be minutes.
  expect(time(MEGABYTE)).toBeLessThan(5_000);
});

describe("a model's JSON touches no prototype", () => {
  test.each([
    '{"__proto__":{"polluted":1},"a":{"__proto__":null}}',
    '[{"\\u005f_proto__":{"polluted":1},"a":{}}]',
    'x {"__proto__":{"polluted":1},"a":{}} y',
  ])("%s", (text) => {
    const value: unknown = extractJson(text)?.value;
    const object: object = Array.isArray(value) ? value[0] : Object(value);
    expect(Object.keys(object)).toEqual(["a"]);
    expect(Reflect.ownKeys(Reflect.get(object, "a"))).toEqual([]);
    expect(Object.getPrototypeOf(Object.assign({}, object))).toBe(
      Object.prototype,
    );
    expect("polluted" in {}).toBe(false);
  });

  test("constructor is a field as any other", () => {
    const text = '{"constructor":{"prototype":{"polluted":1}}}';
    expect(extractJson(text)?.value).toEqual(JSON.parse(text));
    expect("polluted" in {}).toBe(false);
  });

  test("at any depth", () => {
    const depth = 200_000;
    const text = `${"[".repeat(depth)}{"__proto__":1}${"]".repeat(depth)}`;
    let value: unknown = extractJson(text)?.value;
    while (Array.isArray(value)) value = value[0];
    expect(Object.keys(Object(value))).toEqual([]);
  });
});
