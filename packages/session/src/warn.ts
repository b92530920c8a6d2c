/** Tells of a failure that costs the caller nothing. */
export function warn(what: string, error: unknown): void {
  process.emitWarning(
    `${what}: ${error instanceof Error ? error.message : String(error)}`,
    "LambdaLLMWarning",
  );
}
