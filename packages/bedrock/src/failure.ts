import {
  ConfigurationError,
  type FailureReason,
  findModel,
  type ModelFailure,
  ModelInvocationError,
  type ProviderResponse,
} from "@lambdallm/core";

interface Verdict {
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
    /doesn.t support|extra inputs are not permitted|compiled grammar is too large|property '[^']*' is not supported|is deprecated for this model|cannot both be specified|thinking may not be enabled/i,
    { reason: "capability" },
  ],
];

const REFINED = new Set<FailureReason>([
  "throttled",
  "invalid-request",
  "model-not-found",
]);

/** The parts of an AWS SDK error that are looked at; any of them may be missing. */
interface ServiceError {
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

function classify(error: ServiceError, status: number | undefined): Verdict {
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
function networkCode(error: ServiceError): string | undefined {
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

const HINTS: Readonly<Record<string, string>> = {
  throttled: "was throttled: too many requests or tokens for the quota",
  quota: "is over a quota that does not recover at once",
  unavailable: "is not available at the moment",
  "model-failed": "failed while answering",
  interrupted: "stopped before its answer was complete",
  connection: "could not be reached: the connection failed",
  "invalid-request": "got a request that the service refuses as invalid",
  capability: "does not support something that the request asks for",
  "context-overflow": "cannot take a prompt of this length",
  "access-denied":
    "may not be called with these permissions: check the IAM policy and the model access",
  credentials:
    "could not be called: the AWS credentials are missing, expired or wrong",
  "model-not-found":
    "is not known under this id in this Region, or needs an inference profile",
  "model-retired": "has reached its end of life",
  aborted: "was called, but the call was aborted",
};

/** Account numbers stay out of messages: callers may see them. */
function shown(model: string): string {
  return model.startsWith("arn:") ? model.slice(model.indexOf("/") + 1) : model;
}

function retryAfterMs(
  headers: Record<string, string> | undefined,
): number | undefined {
  const milliseconds = Number(headers?.["x-amz-retry-after"] ?? Number.NaN);
  if (milliseconds >= 0) return milliseconds;
  const value = headers?.["retry-after"];
  if (value === undefined) return undefined;
  // RFC 9110, section 10.2.3: seconds or a date.
  const ms = /^\d+$/.test(value)
    ? Number(value) * 1_000
    : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

export interface CallFacts {
  readonly model: string;
  readonly region: string;
  readonly aborted?: boolean;
  readonly requestId?: string | undefined;
  /** What had arrived when it failed, when something had. */
  readonly partial?: ProviderResponse | undefined;
  /** The answer had begun. */
  readonly accepted?: boolean;
}

/** Turns whatever the AWS SDK threw into a typed error. */
export function toModelError(thrown: unknown, call: CallFacts): Error {
  if (thrown instanceof ConfigurationError) return thrown;
  const error = thrown as ServiceError;
  const status = call.accepted
    ? 200
    : (error.$metadata?.httpStatusCode ?? error.$response?.statusCode);
  const verdict: Verdict = call.aborted
    ? { reason: "aborted", billed: "unknown" }
    : classify(error, status);
  const { model, region, partial } = call;
  const requestId = error.$metadata?.requestId ?? call.requestId;
  const wait = retryAfterMs(error.$response?.headers);
  const replacement =
    verdict.reason === "model-retired"
      ? findModel(model)?.replacement
      : undefined;
  return new ModelInvocationError(
    `The model ${shown(model)} in ${region} ${HINTS[verdict.reason] ?? "failed for an unknown reason"}${replacement ? `; use ${replacement}` : ""}.`,
    {
      ...verdict,
      ...(partial && { partial, billed: "partial" }),
      model,
      serviceError:
        error.name === "Error"
          ? (networkCode(error) ?? error.name)
          : error.name,
      ...(status !== undefined && { httpStatusCode: status }),
      ...(requestId !== undefined && { requestId }),
      ...(wait !== undefined && { retryAfterMs: wait }),
      cause: thrown,
    },
  );
}

/** The service ended a stream without saying that the message was complete. */
export function streamEndedEarly(): Error {
  return Object.assign(new Error("The stream ended before messageStop."), {
    name: "StreamEndedEarly",
  });
}
