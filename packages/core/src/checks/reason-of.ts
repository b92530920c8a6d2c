/** The message of an error, of another realm as well. */
export function reasonOf(error: unknown): string {
  return String(Reflect.get(Object(error), "message"));
}
