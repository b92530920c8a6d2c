import fc from "fast-check";

/** Names that mean something to the encoding, to JavaScript or to DynamoDB. */
const names = fc.oneof(
  fc.constantFrom(
    "$bytes",
    "$$bytes",
    "$$$bytes",
    "__proto__",
    "constructor",
    "toJSON",
    "S",
    "B",
    "length",
    "",
  ),
  fc.string({ unit: "grapheme" }),
);

/** JSON with bytes in it, and with what looks like them. */
export const { jsonWithBytes } = fc.letrec((tie) => ({
  jsonWithBytes: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .map((number) => number + 0),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.uint8Array(),
    fc.array(tie("jsonWithBytes"), { maxLength: 4 }),
    fc.dictionary(names, tie("jsonWithBytes"), { maxKeys: 4 }),
    // What looks like the encoding of bytes.
    fc.record({ $bytes: fc.base64String() }),
    fc.record({ $bytes: tie("jsonWithBytes"), other: fc.constant(undefined) }),
  ),
}));
