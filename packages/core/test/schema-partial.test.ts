import * as fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import { PartialJson } from "../src/schema/partial-json.ts";

function read(...pieces: string[]): unknown {
  const partial = new PartialJson();
  for (const piece of pieces) partial.push(piece);
  return partial.value;
}

describe("PartialJson gives as much as has come", () => {
  test.each<[text: string, value: unknown]>([
    ["", undefined],
    ["Here it is:\n```json\n", undefined],
    ["Here it is:\n```json\n{", {}],
    ['{"ti', {}],
    ['{"title', {}],
    ['{"title"', {}],
    ['{"title":', {}],
    ['{"title":"', { title: "" }],
    ['{"title":"Em', { title: "Em" }],
    ['{"title":"Em\\', { title: "Em" }],
    ['{"title":"Em\\u00', { title: "Em" }],
    ['{"title":"Em\\u00e9', { title: "Emé" }],
    ['{"title":"Em\\n\\""', { title: 'Em\n"' }],
    ['{"title":"\\ud83d', { title: "" }],
    ['{"title":"\\ud83d\\ude00', { title: "😀" }],
    ['{"title":"\ud83d', { title: "" }],
    ['{"title":"\\ud83d"', { title: "\ud83d" }],
    ['{"pages":47', {}],
    ['{"pages":47,', { pages: 47 }],
    ['{"pages":47}', { pages: 47 }],
    ['{"isNew":tru', {}],
    ['{"isNew":true', { isNew: true }],
    ['{"a":null', { a: null }],
    ['{"a":[1,[2,3', { a: [1, [2]] }],
    ['{"a":[1,[2,3]', { a: [1, [2, 3]] }],
    ['{"a":[{"b":"c', { a: [{ b: "c" }] }],
    ['{"a":{},"b":[]', { a: {}, b: [] }],
    ['{"a":1,"a":"x', { a: "x" }],
    ['{"a":1} and {"b":2}', { a: 1 }],
    ["[ 1 , 2 ]", [1, 2]],
    ["Take [the list]: [1, ", [1]],
    ['Take {"this} \n[1, ', [1]],
    ['Take {"this" [1, ', [1]],
    ["Take {name}, [-] and {}: ", {}],
    ["Take ['x'] and [1, ", [1]],
  ])("%j", (text, value) => {
    expect(read(text)).toEqual(value);
    expect(read(...text)).toEqual(value);
    const partial = new PartialJson();
    partial.push(text);
    expect(partial.hasValue).toBe(value !== undefined);
  });
});

describe("PartialJson keeps what it has where the text is no JSON", () => {
  test.each<[text: string, value: unknown]>([
    ['{"a":1 "b":2}', { a: 1 }],
    ['{"a":1,b:2}', { a: 1 }],
    ['{"a":01,"b":2}', {}],
    ['{"a":x,"b":2}', {}],
    ['{"a":"x\ny","b":2}', { a: "x" }],
    ['{"a":"x\\q","b":2}', { a: "x" }],
    ['{"a":"x\\u00xy","b":2}', { a: "x" }],
    ['{"a":1,"b\n":2}', { a: 1 }],
    ["[1,]", [1]],
    ["[[1],}", [[1]]],
  ])("%j", (text, value) => {
    expect(read(text, " [3]")).toEqual(value);
    expect(read(...text, " [3]")).toEqual(value);
  });
});

test("a value that was read does not change", () => {
  const partial = new PartialJson();
  partial.push('{"done":[1],"open":[{"a":"x');
  const before = partial.value;
  expect(partial.value).toBe(before);
  partial.push('y"},2');
  const after = partial.value;
  expect(before).toEqual({ done: [1], open: [{ a: "x" }] });
  expect(after).toEqual({ done: [1], open: [{ a: "xy" }] });
  partial.push("]}");
  expect(after).toEqual({ done: [1], open: [{ a: "xy" }] });
  expect(partial.value).toEqual({ done: [1], open: [{ a: "xy" }, 2] });
  expect(Reflect.get(Object(after), "done")).toBe(
    Reflect.get(Object(before), "done"),
  );
});

const isPrefix = (part: unknown, whole: unknown): boolean => {
  if (typeof part === "string" && typeof whole === "string")
    return whole.startsWith(part);
  if (Array.isArray(part) && Array.isArray(whole))
    return (
      part.length <= whole.length &&
      part.every((item, index) => isPrefix(item, whole[index]))
    );
  if (
    typeof part === "object" &&
    part !== null &&
    typeof whole === "object" &&
    whole !== null
  )
    return Object.entries(part).every(
      ([key, item]) =>
        Object.hasOwn(whole, key) && isPrefix(item, Reflect.get(whole, key)),
    );
  return Object.is(part, whole);
};

test("any JSON in any pieces grows into what JSON.parse gives", () => {
  const strings = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
  );
  const values = fc.letrec<{ value: unknown; object: unknown; array: unknown }>(
    (tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(
          strings,
          fc.double({ noNaN: true, noDefaultInfinity: true }),
          fc.boolean(),
          fc.constant(null),
        ),
        tie("object"),
        tie("array"),
      ),
      object: fc.dictionary(
        strings.filter((key) => key !== "__proto__"),
        tie("value"),
        { maxKeys: 4 },
      ),
      array: fc.array(tie("value"), { maxLength: 4 }),
    }),
  );
  fc.assert(
    fc.property(
      fc.oneof(values.object, values.array),
      fc.constantFrom(undefined, 1, "\t"),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      (value, indent, lengths) => {
        const text = JSON.stringify(value, null, indent);
        const whole: unknown = JSON.parse(text);
        const partial = new PartialJson();
        let last: unknown;
        for (let at = 0, n = 0; at < text.length; n++) {
          const length = lengths[n % lengths.length] ?? 1;
          partial.push(text.slice(at, at + length));
          at += length;
          const now = partial.value;
          if (!isPrefix(now, whole)) throw new Error("not a part");
          if (last !== undefined && !isPrefix(last, now))
            throw new Error("it shrank");
          last = now;
        }
        expect(partial.value).toEqual(whole);
        expect(JSON.stringify(partial.value)).toBe(JSON.stringify(whole));
      },
    ),
    { numRuns: rounds(300, 1_000) },
  );
});

test("no text breaks it", () => {
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\",
    "u00e9",
    "\n",
    ",",
    ":",
    "1",
    "-",
    "true",
    "a",
    '"a":',
    "\ud83d",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      expect(JSON.stringify(read(...parts))).toBe(
        JSON.stringify(read(parts.join(""))),
      );
    }),
    { numRuns: rounds(1_000, 3_000) },
  );
});

test.each([
  ['{"a":"', "word "],
  ['{"a":"', "\\n"],
  ['{"a":"', "\\u00e9"],
  ["[", "["],
  ["", "{"],
  ["", '{"'],
  ["", "[x"],
  ["[1", "1"],
  ["", "x"],
  ["[", "[],"],
])(
  "a megabyte of %j and %j takes no longer than its length",
  (start, piece) => {
    const partial = new PartialJson();
    partial.push(start);
    const begin = performance.now();
    for (let length = 0; length < 1_000_000; length += piece.length)
      partial.push(piece);
    // Quadratic would be minutes.
    expect(performance.now() - begin).toBeLessThan(10_000);
  },
);

test("a long string can be read after each piece", () => {
  const partial = new PartialJson();
  partial.push('{"a":"');
  for (let n = 0; n < 200_000; n++) {
    partial.push("word ");
    if (partial.value === undefined) throw new Error("no value");
  }
  partial.push('"}');
  expect(partial.value).toEqual({ a: "word ".repeat(200_000) });
});

test("keys named __proto__ are left out, and no prototype is touched", () => {
  const text =
    '{"__proto__":{"polluted":[1,{"b":"c"}]},"\\u005f_proto__":1,"constructor":{"a":1}}';
  for (let length = 1; length <= text.length; length++) {
    const value = Object(read(text.slice(0, length)));
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value.polluted).toBeUndefined();
    expect(Object.hasOwn(value, "__proto__")).toBe(false);
  }
  expect(read(text)).toEqual({ constructor: { a: 1 } });
  expect("polluted" in {}).toBe(false);
});
