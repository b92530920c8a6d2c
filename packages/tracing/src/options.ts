import { check, type OptionCheck } from "@lambdallm/core/feature";
import type { TracerProvider } from "@opentelemetry/api";

/** How spans leave the process. */
export interface ExportOptions {
  /** Where spans are made, and who exports them. @default the global one of `@opentelemetry/api` */
  readonly provider?: TracerProvider | undefined;
  /**
   * How long the end of the invocation waits for the export of its spans, at most, in milliseconds; 0 leaves the export to others.
   *
   * @default 1_000
   */
  readonly flushTimeoutMs?: number | undefined;
}

const tracerProvider: OptionCheck = (value) =>
  typeof Reflect.get(Object(value), "getTracer") === "function"
    ? undefined
    : "a TracerProvider";

export const exportChecks: Readonly<Record<keyof ExportOptions, OptionCheck>> =
  { provider: tracerProvider, flushTimeoutMs: check.wholeNumber };

export const DEFAULT_FLUSH_TIMEOUT_MS = 1_000;

/** The instrumentation that the spans of this package are of. */
export const SCOPE = "@lambdallm/tracing";
