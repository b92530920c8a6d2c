import { warn, within } from "@lambdallm/core/feature";
import { type TracerProvider, trace } from "@opentelemetry/api";

/** That of the application; what the API hands out stands before it. */
function realProvider(given: TracerProvider | undefined): object {
  const provider: object = given ?? trace.getTracerProvider();
  const getDelegate: unknown = Reflect.get(provider, "getDelegate");
  return typeof getDelegate === "function"
    ? Object(Reflect.apply(getDelegate, provider, []))
    : provider;
}

/** The provider's own limit is only there to clear its timer. */
const PROVIDER_GRACE_MS = 50;

/**
 * Has what has ended exported, and waits for that, at most this long.
 *
 * @returns Why it was not; undefined when it was, or nobody exports anything.
 */
async function problemOfFlush(
  given: TracerProvider | undefined,
  limitMs: number,
): Promise<unknown> {
  const provider = realProvider(given);
  const forceFlush: unknown = Reflect.get(provider, "forceFlush");
  if (typeof forceFlush !== "function") return undefined;
  const options = { timeoutMillis: limitMs + PROVIDER_GRACE_MS };
  return within(
    {
      limitMs,
      onTimeUp: () => `it took longer than ${Math.round(limitMs)} ms`,
    },
    async () => {
      await Reflect.apply(forceFlush, provider, [options]);
      return undefined;
    },
  ).catch((error: unknown) => error);
}

/** A problem is told once, however often it is asked to flush. */
export class Flush {
  readonly #provider: TracerProvider | undefined;
  #hasFailed = false;

  constructor(provider: TracerProvider | undefined) {
    this.#provider = provider;
  }

  /** @param limitMs 0 leaves it to others. */
  async run(limitMs: number): Promise<void> {
    if (limitMs === 0) return;
    const problem = await problemOfFlush(this.#provider, limitMs);
    if (problem === undefined || this.#hasFailed) return;
    this.#hasFailed = true;
    warn("tracing: the spans were not exported", problem);
  }
}
