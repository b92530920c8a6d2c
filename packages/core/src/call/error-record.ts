import { LambdaLLMError } from "../contract/errors.ts";
import { StepFailure } from "../contract/journal.ts";

const PLAIN_NAME = /^[A-Za-z_$][\w$]{0,63}$/;

/** A name as classes have it; undefined for what may be a sentence, or a key, that was put in its place. */
export function plainName(name: unknown): string | undefined {
  return typeof name === "string" && PLAIN_NAME.test(name) ? name : undefined;
}

/** What records may call an error. */
export function errorNameOf(error: unknown): string | undefined {
  try {
    return plainName(Reflect.get(Object(error), "name"));
  } catch {
    // Anything can be thrown, also what throws when it is looked at.
    return undefined;
  }
}

/** What records may quote of an error: only the suite's own messages are safe, and that of a step is anybody's. */
export function safeMessageOf(error: unknown): string | undefined {
  return LambdaLLMError.isInstance(error) && !StepFailure.isInstance(error)
    ? error.message
    : undefined;
}
