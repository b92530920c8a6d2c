import { kindOf } from "../checks/words.ts";
import { ConfigurationError } from "../contract/errors.ts";

/**
 * Milliseconds until Lambda's timeout; `Infinity` where the context cannot tell, as outside of Lambda. A wrong answer is
 * refused instead of ignored, because Middy would take it for a timeout that is over.
 *
 * @throws {ConfigurationError} What the context has is no function, or gives no number.
 */
export function remainingTimeOf(context: object): number {
  // A durable context carries Lambda's own at `lambdaContext`.
  const inner: unknown = Reflect.get(context, "lambdaContext");
  for (const owner of [context, Object(inner)]) {
    const method: unknown = Reflect.get(owner, "getRemainingTimeInMillis");
    if (method === undefined || method === null) continue;
    const isFunction = typeof method === "function";
    const leftMs: unknown = isFunction ? method.call(owner) : method;
    if (isFunction && typeof leftMs === "number" && !Number.isNaN(leftMs))
      return leftMs;
    throw new ConfigurationError(
      `getRemainingTimeInMillis of the Lambda context must be a function that returns a number of milliseconds; it ${isFunction ? "returned" : "is"} ${kindOf(leftMs)}.`,
    );
  }
  return Number.POSITIVE_INFINITY;
}
