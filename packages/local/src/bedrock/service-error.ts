import { check, validateOptions } from "@lambdallm/core/feature";
import { wholeNumberFrom } from "../checks.ts";

/** Members that an error carries beside its message. */
export interface ServiceErrorExtra {
  readonly originalStatusCode?: number;
  readonly resourceName?: string;
  readonly originalMessage?: string;
}

interface Row {
  readonly status: number;
  readonly message: string;
  readonly extra?: ServiceErrorExtra;
}

/** The errors of the service with their HTTP status and the message they come with by default. */
export const SERVICE_ERRORS = {
  ThrottlingException: {
    status: 429,
    message: "Too many requests, please wait before trying again.",
  },
  ModelNotReadyException: {
    status: 429,
    message:
      "Model is not ready for inference. Wait a few moments and try again.",
  },
  InternalServerException: {
    status: 500,
    message:
      "The system encountered an unexpected error during processing. Try your request again.",
  },
  ServiceUnavailableException: {
    status: 503,
    message: "Bedrock is unable to process your request.",
  },
  ModelTimeoutException: {
    status: 408,
    message:
      "Model has timed out in processing the request. Try your request again.",
  },
  ModelErrorException: {
    status: 424,
    message:
      "The system encountered an unexpected error during processing. Try your request again.",
    extra: { originalStatusCode: 500, resourceName: "model" },
  },
  ModelStreamErrorException: {
    status: 424,
    message:
      "The system encountered an unexpected error during processing. Try your request again.",
    extra: { originalStatusCode: 500, originalMessage: "stream failed" },
  },
  ValidationException: {
    status: 400,
    message: "The request is not valid.",
  },
  AccessDeniedException: {
    status: 403,
    message: "You don't have access to the model with the specified model ID.",
  },
  ResourceNotFoundException: {
    status: 404,
    message: "The specified resource was not found.",
  },
  ServiceQuotaExceededException: {
    status: 400,
    message: "Your request exceeds a service quota of your account.",
  },
  ConflictException: {
    status: 400,
    message: "The request conflicts with the state of the resource.",
  },
  ExpiredTokenException: {
    status: 403,
    message: "The security token included in the request is expired",
  },
  UnrecognizedClientException: {
    status: 403,
    message: "The security token included in the request is invalid.",
  },
  InvalidSignatureException: {
    status: 403,
    message:
      "The request signature we calculated does not match the signature you provided.",
  },
  RequestTimeoutException: {
    status: 408,
    message: "The request timed out.",
  },
  SerializationException: {
    status: 400,
    message: "The request body is not valid JSON.",
  },
  UnknownOperationException: {
    status: 404,
    message: "The requested operation is not recognized by the service.",
  },
  RequestEntityTooLargeException: {
    status: 413,
    message: "The request body is too large.",
  },
} as const satisfies Record<string, Row>;

/** The name of an error of the service. */
export type ServiceErrorName = keyof typeof SERVICE_ERRORS;

export interface ServiceErrorOptions extends ServiceErrorExtra {
  /** @default the status of the table */
  readonly status?: number;
  /** Sent as `retry-after`, in seconds. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** Those of a {@link ServiceError}, its name among them. */
export const serviceErrorChecks = {
  name: check.oneOf(...Object.keys(SERVICE_ERRORS)),
  status: wholeNumberFrom(200, 599, "an HTTP status"),
  message: check.string,
  retryAfterSeconds: check.atLeastZero,
  originalStatusCode: check.wholeNumber,
  resourceName: check.string,
  originalMessage: check.string,
};

/**
 * An error as the service sends it. Throw it from a responder to answer with it.
 *
 * @example
 * ```ts
 * import { ServiceError, startBedrock } from "@lambdallm/local";
 *
 * await startBedrock({
 *   respond: () => {
 *     throw new ServiceError("ThrottlingException", { retryAfterSeconds: 2 });
 *   },
 * });
 * ```
 */
export class ServiceError extends Error {
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  readonly extra: ServiceErrorExtra;

  /** @throws {ConfigurationError} for a name that the service does not have, and for options that are wrong. */
  constructor(
    name: ServiceErrorName,
    options: ServiceErrorOptions & { readonly message?: string } = {},
  ) {
    validateOptions(
      "ServiceError",
      { ...serviceErrorChecks, cause: () => undefined },
      { ...options, name },
    );
    const row: Row = SERVICE_ERRORS[name];
    const { status, retryAfterSeconds, cause, message, ...extra } = options;
    super(
      message ?? row.message,
      cause === undefined ? undefined : { cause: cause },
    );
    this.name = name;
    this.status = status ?? row.status;
    this.retryAfterSeconds = retryAfterSeconds;
    this.extra = { ...row.extra, ...extra };
  }
}

/** Refuses a request as the service does. */
export function refuse(message: string): never {
  throw new ServiceError("ValidationException", { message });
}
