import type { FailureReason, ModelFailure } from "@lambdallm/core";

export interface Verdict {
  readonly reason: FailureReason;
  readonly retryable?: boolean;
  readonly billed?: NonNullable<ModelFailure["billed"]>;
}

const throttled: Verdict = { reason: "throttled", retryable: true };
const quota: Verdict = { reason: "quota" };
const unavailable: Verdict = { reason: "unavailable", retryable: true };
const modelFailed: Verdict = {
  reason: "model-failed",
  retryable: true,
  billed: "unknown",
};
const interrupted: Verdict = {
  reason: "interrupted",
  retryable: true,
  billed: "unknown",
};
const connection: Verdict = { reason: "connection", retryable: true };
const credentials: Verdict = { reason: "credentials" };
const invalidRequest: Verdict = { reason: "invalid-request" };

/** By the service's name of the error. */
const BY_NAME: Readonly<Record<string, Verdict>> = {
  ThrottlingException: throttled,
  TooManyRequestsException: throttled,
  ModelNotReadyException: unavailable,
  InternalServerException: unavailable,
  InternalFailure: unavailable,
  ServiceUnavailableException: unavailable,
  RequestTimeoutException: unavailable,
  ModelTimeoutException: modelFailed,
  ModelErrorException: modelFailed,
  ModelStreamErrorException: modelFailed,
  ValidationException: invalidRequest,
  SerializationException: invalidRequest,
  ConflictException: invalidRequest,
  ServiceQuotaExceededException: quota,
  AccessDeniedException: { reason: "access-denied" },
  ResourceNotFoundException: { reason: "model-not-found" },
  ExpiredTokenException: credentials,
  UnrecognizedClientException: credentials,
  InvalidSignatureException: credentials,
  IncompleteSignatureException: credentials,
  MissingAuthenticationTokenException: credentials,
  CredentialsProviderError: credentials,
  TokenProviderError: credentials,
  IncompleteAnswer: interrupted,
  TimeoutError: { ...connection, billed: "unknown" },
  AbortError: { reason: "aborted", billed: "unknown" },
};

/** By the code of a network error. */
const NETWORK = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ERR_HTTP2_STREAM_CANCEL",
  "ERR_HTTP2_STREAM_ERROR",
  "ERR_HTTP2_GOAWAY_SESSION",
]);

/** Network errors that come before the request could be sent. */
const NOT_SENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/** What the text of an error says more precisely than its name. */
const BY_MESSAGE: readonly (readonly [RegExp, Verdict])[] = [
  [/too many tokens per day/i, quota],
  [/reached the end of its life/i, { reason: "model-retired" }],
  [/use case details have not been submitted/i, { reason: "access-denied" }],
  [
    /input is too long|prompt is too long|exceeds? the (maximum )?context/i,
    { reason: "context-overflow" },
  ],
  [
    /provided model identifier is invalid|on-demand throughput isn.t supported/i,
    { reason: "model-not-found" },
  ],
  [
    /doesn.t support|did not allow prompt caching|extra inputs are not permitted|compiled grammar is too large|property '[^']*' is not supported|is deprecated for this model|cannot both be specified|thinking may not be enabled/i,
    { reason: "capability" },
  ],
];

const REFINED = new Set<FailureReason>([
  "access-denied",
  "throttled",
  "invalid-request",
  "model-not-found",
]);

/** The parts of an AWS SDK error that are looked at; any of them may be missing. */
export interface ServiceError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly cause?: unknown;
  readonly originalStatusCode?: number;
  readonly $metadata?: { httpStatusCode?: number; requestId?: string };
  readonly $response?: {
    statusCode?: number;
    headers?: Record<string, string>;
  };
}

/** What an error of the service or of the connection means. `status` is the HTTP status, where there was one. */
export function classify(
  error: ServiceError,
  status: number | undefined,
): Verdict {
  // An exception that the SDK does not model arrives from a stream in lower camel case.
  const name = error.name.charAt(0).toUpperCase() + error.name.slice(1);
  const named = Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  const verdict = named ?? classifyUnnamed(error, status);
  if (REFINED.has(verdict.reason))
    for (const [pattern, refined] of BY_MESSAGE)
      if (pattern.test(error.message)) return refined;
  const { originalStatusCode } = error;
  if (
    verdict === modelFailed &&
    originalStatusCode !== undefined &&
    originalStatusCode >= 400 &&
    originalStatusCode < 500 &&
    originalStatusCode !== 408 &&
    originalStatusCode !== 429
  )
    return { ...verdict, retryable: false };
  return verdict;
}

/**
 * The code of a network error. The SDK wraps errors of another realm, such as Node's own under Jest, and keeps their
 * text only.
 */
export function networkCode(error: ServiceError): string | undefined {
  const cause = error.cause as ServiceError | undefined;
  const code =
    error.code ??
    cause?.code ??
    /\b(E[A-Z_]{3,}|socket hang up|aborted)\b/.exec(error.message)?.[0];
  if (code === "socket hang up" || code === "aborted") return "ECONNRESET";
  return code !== undefined && NETWORK.has(code) ? code : undefined;
}

function classifyUnnamed(
  error: ServiceError,
  status: number | undefined,
): Verdict {
  const code = networkCode(error);
  if (code !== undefined) {
    // Node says "aborted" when it is the body that broke off: by then the tokens were generated.
    if (status !== undefined || /\baborted\b/.test(error.message))
      return interrupted;
    return NOT_SENT.has(code)
      ? connection
      : { ...connection, billed: "unknown" };
  }
  if (status === undefined) return { reason: "unknown", billed: "unknown" };
  if (status < 300) return interrupted;
  if (status === 429) return throttled;
  if (status === 408 || status >= 500) return unavailable;
  if (status === 401 || status === 403) return { reason: "access-denied" };
  if (status === 404) return { reason: "model-not-found" };
  return invalidRequest;
}
