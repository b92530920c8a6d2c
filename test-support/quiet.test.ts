import { expect, test } from "@jest/globals";
import { expectNothingPrinted, printed } from "./quiet.ts";

test("What a test prints is kept until it asks for it", () => {
  console.log("one", 2, { three: 3 });
  console.error("A failure:", new TypeError("no"));
  process.stdout.write("out\n");
  process.stderr.write("err\n");
  process.emitWarning("careful", "OwnWarning");
  process.emitWarning("old", { type: "DeprecationWarning" });
  process.emitWarning(new RangeError("far"));
  process.emitWarning("plain");

  expect(printed()).toEqual([
    "one 2 { three: 3 }",
    "A failure: TypeError: no",
    "out\n",
    "err\n",
    "OwnWarning: careful",
    "DeprecationWarning: old",
    "RangeError: far",
    "Warning: plain",
  ]);
  expect(printed()).toEqual([]);
});

test("What nobody has asked for is a failure that tells it", () => {
  expectNothingPrinted();

  console.warn("one");
  process.emitWarning("careful", "OwnWarning");

  expect(expectNothingPrinted).toThrow(
    /one\n+OwnWarning: careful\n+.*printed\(\)/,
  );
  expectNothingPrinted();
});

test("Warnings of Node itself are kept, too", async () => {
  clearTimeout(setTimeout(() => {}, Number.NaN));
  await new Promise((resolve) => setImmediate(resolve));

  expect(printed()).toEqual([
    expect.stringContaining("TimeoutNaNWarning: NaN is not a number"),
  ]);
});
