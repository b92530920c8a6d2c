/** For failures that must not change what the handler answers. */
export function warn(what: string, error: unknown): void {
  process.emitWarning(`${what}: ${wordsOf(error)}`, "LambdaLLMWarning");
}

function wordsOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    // An object without a prototype has no text, and a proxy may throw whatever is asked of it.
    return "something that has no text";
  }
}
