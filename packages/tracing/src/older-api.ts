import { trace } from "@opentelemetry/api";

/** Where all copies of the API, whatever their version 1.x, have what one of them was given. */
const SHARED = Symbol.for("opentelemetry.js.api.1");

/**
 * A copy of the API finds nothing that an older one was given, and does not say so.
 *
 * @returns The version of the older one; undefined where this copy finds what there is.
 */
export function olderApi(): string | undefined {
  const shared: unknown = Reflect.get(globalThis, SHARED);
  const provider: unknown = Reflect.get(Object(shared), "trace");
  return provider === undefined || provider === trace.getTracerProvider()
    ? undefined
    : String(Reflect.get(Object(shared), "version"));
}
