import { isObject } from "../checks/is-object.ts";

/**
 * The value of a header of a request, whatever brought it: a Function URL and an HTTP API (names in lower case), a REST API (as the
 * client wrote them), a load balancer (perhaps in `multiValueHeaders` only), or an event without headers, such as the console's.
 *
 * @param name In any case.
 * @returns Undefined when there is none; the last one of several, as a REST API does it.
 * @example
 * session({ store, id: (event) => event.body.sessionId, idempotencyKey: (event) => headerOf(event, "idempotency-key") });
 */
export function headerOf(event: unknown, name: string): string | undefined {
  const { headers, multiValueHeaders }: Record<string, unknown> = Object(event);
  const wanted = name.toLowerCase();
  for (const fields of [headers, multiValueHeaders])
    for (const [field, value] of Object.entries(isObject(fields) ? fields : {}))
      if (field.toLowerCase() === wanted) {
        const last: unknown = Array.isArray(value) ? value.at(-1) : value;
        if (typeof last === "string") return last;
      }
  return undefined;
}
