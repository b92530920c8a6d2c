import {
  LambdaLLMError,
  ModelInvocationError,
  Suspended,
  type Usage,
} from "@lambdallm/core";
import {
  errorNameOf,
  errorTypeOf,
  type ProviderResponse,
  plainName,
  safeMessageOf,
} from "@lambdallm/core/feature";

/** Of a record; those that are undefined are left out. */
export type Fields = Readonly<Record<string, unknown>>;

/** Only plain values: what an object has beside its numbers and names is its own. */
export function valuesOf<Source extends object>(
  source: Source,
  names: readonly (keyof Source & string)[],
): Fields {
  const entries = names
    .map((name) => [name, source[name]] as const)
    .filter(([, value]) => Object(value) !== value);
  return Object.fromEntries(entries);
}

export const usageFacts = (usage: Usage): Fields =>
  valuesOf(usage, [
    "inputTokens",
    "outputTokens",
    "cacheReadInputTokens",
    "cacheWriteInputTokens",
    "estimated",
  ]);

export const responseFacts = (response: ProviderResponse): Fields => ({
  responseModel: response.model,
  serviceRequestId: response.requestId,
  ...valuesOf(response, [
    "region",
    "serviceTier",
    "stopReason",
    "latencyMs",
    "timeToFirstTokenMs",
  ]),
});

/** What had arrived before a call or an attempt has failed. */
export function partialOf(error: unknown): ProviderResponse | undefined {
  // Only the suite's errors have a response there.
  return LambdaLLMError.isInstance(error)
    ? (Reflect.get(error, "partial") as ProviderResponse | undefined)
    : undefined;
}

/** The suite's messages are safe, but those of a step's error, which was anybody's. Of other errors it is the name only. */
export function errorFacts(error: unknown): Fields {
  const facts = {
    errorType: errorTypeOf(error),
    errorName: errorNameOf(error),
  };
  if (!LambdaLLMError.isInstance(error)) return facts;
  return {
    ...facts,
    errorMessage: safeMessageOf(error),
    ...valuesOf(error, ["statusCode", "retryable"]),
    ...(ModelInvocationError.isInstance(error) && {
      ...valuesOf(error, ["billed", "retryAfterMs", "httpStatusCode"]),
      serviceError: plainName(error.serviceError),
      serviceRequestId: error.requestId,
    }),
  };
}

/** How something has ended that has thrown. A run that waits has not failed. */
export function failureFacts(
  error: unknown,
): Fields & { readonly status: "failed" | "suspended" } {
  return Suspended.isInstance(error)
    ? { status: "suspended" }
    : { status: "failed", ...errorFacts(error) };
}
