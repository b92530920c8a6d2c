import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { fromJson, toJson } from "@lambdallm/core/stores";
import fc from "fast-check";
import { jsonWithBytes } from "../../../test-support/json-with-bytes.ts";

describe("JSON with bytes", () => {
  test("gives back whatever it was given, bytes as bytes and their likenesses as they are", () => {
    fc.assert(
      fc.property(jsonWithBytes, (value) => {
        // Only what is undefined is left out.
        expect(fromJson(toJson("value", value))).toEqual(value);
        expect(Reflect.get({}, "polluted")).toBeUndefined();
      }),
    );
  });

  test("of values without bytes is plain JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!JSON.stringify(value).includes("bytes"));
        expect(toJson("value", value)).toBe(JSON.stringify(value));
      }),
    );
  });

  test("has what a toJSON gives, and a Buffer as bytes", () => {
    const bytes = Buffer.from("abc");
    expect(toJson("value", { at: new Date(0), bytes })).toBe(
      '{"at":"1970-01-01T00:00:00.000Z","bytes":{"$bytes":"YWJj"}}',
    );
  });

  test("does not exist for what has no JSON, and the error names it", () => {
    const circle = { self: {} };
    circle.self = circle;
    for (const value of [undefined, () => 1, 1n, circle]) {
      const write = () => toJson("answer", value);
      expect(write).toThrow(ConfigurationError);
      expect(write).toThrow(/^The answer (?:has no|cannot be written as) JSON/);
    }
  });
});
