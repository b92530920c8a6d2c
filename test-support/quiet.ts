import { format } from "node:util";
import { isNativeError } from "node:util/types";
import { afterAll, afterEach, beforeEach } from "@jest/globals";

/*
 * A run prints its suites and nothing else. What a test prints is kept here instead: the test asks for it, and so says that it
 * is right, or fails.
 */
let kept: string[] = [];

/**
 * What was printed since it was last asked for, a process warning as `"Name: text"`. What a test asks for it has expected.
 *
 * @example
 * expect(printed()).toEqual(["LambdaLLMWarning: A finalizer failed: no"]);
 */
export function printed(): string[] {
  const texts = kept;
  kept = [];
  return texts;
}

/** Throws with what was printed and not asked for. */
export function expectNothingPrinted(): void {
  const texts = printed();
  if (texts.length > 0)
    throw new Error(
      [
        "This was printed, and no test has expected it:",
        ...texts,
        'Where it is right, the test says so: expect(printed()).toEqual(["..."]), of test-support/quiet.ts. Otherwise its cause is to go, such as a call that nobody awaits.',
      ].join("\n\n"),
    );
}

const methods = [
  "debug",
  "dir",
  "error",
  "info",
  "log",
  "trace",
  "warn",
] as const;
for (const method of methods)
  console[method] = (...parts: unknown[]) => {
    // Without stacks: a test can state the text.
    const words = parts.map((part) =>
      isNativeError(part) ? String(part) : part,
    );
    kept.push(format(...words));
  };

const writes = [process.stdout, process.stderr].map((stream) => {
  const { write } = stream;
  stream.write = (part: unknown) => kept.push(String(part)) > 0;
  return () => {
    stream.write = write;
  };
});

// Node writes a warning in the next tick, when the test may have ended.
process.emitWarning = (warning: unknown, given?: unknown) => {
  const name = given instanceof Object && "type" in given ? given.type : given;
  kept.push(
    isNativeError(warning)
      ? String(warning)
      : `${name ?? "Warning"}: ${warning}`,
  );
};

afterEach(expectNothingPrinted);
// What hooks print, or what comes late.
beforeEach(expectNothingPrinted);
afterAll(() => {
  for (const restore of writes) restore();
  expectNothingPrinted();
});

/** What core warns of when an invocation ends before its calls. */
export const aborted = (calls: number) =>
  `LambdaLLMWarning: Model calls were aborted because the invocation ended: ${calls} were still running; await them`;

/** What core warns of when a finalizer, or a call, does not end with its invocation. */
export const NOT_WAITED_FOR =
  "LambdaLLMWarning: The end of the invocation took too long: not waited for";
