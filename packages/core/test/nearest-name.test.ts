import { describe, expect, test } from "@jest/globals";
import { suggestion } from "@lambdallm/core/feature";

const names = ["summary", "title", "translation", "Facts", "a"];

describe("A suggestion for a misspelt name", () => {
  test.each([
    ["sumary", "summary"],
    ["summmary", "summary"],
    ["SUMMARY", "summary"],
    ["titel", "title"],
    ["facts", "Facts"],
    ["translatoin", "translation"],
  ])("%s is %s", (name, meant) => {
    expect(suggestion(name, names)).toBe(` Did you mean "${meant}"?`);
  });

  test.each(["something", "b", "", "tt", "body"])("%s is none", (name) => {
    expect(suggestion(name, names)).toBe("");
  });

  test("is the nearest one, and of two that are as near the first", () => {
    expect(suggestion("step3", ["step1", "step2", "step32"])).toBe(
      ' Did you mean "step1"?',
    );
    expect(suggestion("step32", ["step1", "step3"])).toBe(
      ' Did you mean "step3"?',
    );
  });
});
