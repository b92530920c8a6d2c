import { ConfigurationError } from "../contract/errors.ts";

const MAX_ID_BYTES = 512;

/**
 * Ids become parts of keys. Any Unicode text will do, but `#` separates the parts.
 *
 * @throws {ConfigurationError} naming the id and what is wrong with it, without its value.
 */
export function checkId(name: string, id: unknown): asserts id is string {
  const problem = problemOf(id);
  if (problem !== undefined)
    throw new ConfigurationError(`The ${name} ${problem}.`);
}

function problemOf(id: unknown): string | undefined {
  if (typeof id !== "string") return `must be a string, not ${typeof id}`;
  if (id === "") return "is empty";
  if (id.includes("#"))
    return 'contains "#", which separates the parts of a key';
  if (!id.isWellFormed()) return "is not well-formed Unicode";
  const bytes = Buffer.byteLength(id);
  return bytes > MAX_ID_BYTES
    ? `has ${bytes} bytes; at most ${MAX_ID_BYTES} are allowed`
    : undefined;
}
