import {
  ConfigurationError,
  findModel,
  ModelInvocationError,
} from "@lambdallm/core";
import {
  modelName,
  type ProviderResponse,
  type Sending,
} from "@lambdallm/core/feature";
import type { Reading } from "./classify.ts";
import { note } from "./error-facts.ts";
import { roomIn } from "./fit-max-tokens.ts";
import { networkCode } from "./network-failure.ts";
import { readError } from "./read-error.ts";
import type { ServiceError } from "./service-error.ts";

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

const LONGEST_MESSAGE = 300;

/** The service's words for the log, without the values that it quotes: they can be parts of the prompt. */
function said(message: string): string {
  return message
    .replace(/(['"`])(?:(?!\1).){41,}\1/gs, "$1...$1")
    .slice(0, LONGEST_MESSAGE);
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
  /** How far the request had come; left out where nobody can tell. */
  readonly sending?: Sending | undefined;
}

/** Turns whatever was thrown, by the AWS SDK or on the way to it, into a typed error. */
export function toModelError(thrown: unknown, call: CallFacts): Error {
  const { model, region, partial, aborted, accepted } = call;
  // What the request was found to be before it was sent says what it is itself.
  if (ConfigurationError.isInstance(thrown)) return thrown;
  const error = serviceError(thrown, call.sending?.errorCode);
  const status = accepted
    ? 200
    : (error.$metadata?.httpStatusCode ?? error.$response?.statusCode);
  const info = findModel(model);
  const reading: Reading = aborted
    ? { reason: "aborted", billed: "unknown" }
    : readError(error, status, info?.id ?? model);
  const { hint, refuses, ...verdict } =
    status === undefined
      ? withoutResponse(reading, error, call.sending)
      : reading;
  const room =
    verdict.reason === "context-overflow" ? roomIn(error.message) : undefined;
  const requestId = error.$metadata?.requestId ?? call.requestId;
  const wait = retryAfterMs(error.$response?.headers);
  const failure = new ModelInvocationError(
    `The model ${modelName(model)} in ${region} ${
      hint ??
      roomHint(room) ??
      HINTS[verdict.reason] ??
      "failed for an unknown reason"
    }${
      verdict.reason === "model-retired" && info?.replacement
        ? `; use ${info.replacement}`
        : ""
    }.`,
    {
      ...verdict,
      ...(partial && { partial, billed: "partial" }),
      model,
      serviceError:
        error.name === "Error"
          ? (networkCode(error) ?? error.name)
          : error.name,
      ...(status !== undefined &&
        status >= 400 && { serviceMessage: said(error.message) }),
      ...(status !== undefined && { httpStatusCode: status }),
      ...(requestId !== undefined && { requestId }),
      ...(wait !== undefined && { retryAfterMs: wait }),
      cause: printable(error, thrown),
    },
  );
  // An answer that had begun cannot be asked for again in other words.
  if (!partial && !accepted) note(failure, { refuses, fittingMaxTokens: room });
  return failure;
}

/** The handler of the AWS SDK has no code for it. */
const NOT_CONNECTED = /did not establish a connection with the server/;

/** What was certainly not sent is certainly not billed, whatever it has failed with. */
function withoutResponse(
  reading: Reading,
  { message }: ServiceError,
  sending: Sending | undefined,
): Reading {
  const isUnsent =
    sending === undefined
      ? NOT_CONNECTED.test(message)
      : sending.stage !== "sent";
  return isUnsent ? { ...reading, billed: "none" } : reading;
}

function roomHint(room: number | undefined): string | undefined {
  if (room === undefined) return undefined;
  return `cannot take the prompt together with this maxTokens: lower maxTokens to ${room} or less, or shorten the prompt`;
}

/** Anything can be thrown, also nothing, a text, and what throws when it is looked at. */
function serviceError(thrown: unknown, sentCode?: string): ServiceError {
  try {
    // Any of the fields may be there; a primitive has none of them.
    const error: Partial<ServiceError> = Object(thrown);
    const { code = sentCode, cause, originalStatusCode } = error;
    const { $retryable, $metadata, $response } = error;
    const message = error.message ?? (typeof thrown === "object" ? "" : thrown);
    return {
      name: String(error.name ?? "Error"),
      message: String(message),
      code,
      cause,
      originalStatusCode,
      $retryable,
      $metadata,
      $response,
    };
  } catch {
    return { name: "Error", message: "" };
  }
}

/** The cause is printed with the error. A parser's message quotes the answer, and the service's may quote the prompt. */
function printable({ name, message }: ServiceError, thrown: unknown): unknown {
  if (name === "SyntaxError")
    return new Error("The answer's body was not JSON.");
  const harmless = said(message);
  if (harmless === "")
    return new Error("What was thrown is no error, or has no message.");
  if (harmless === message && typeof thrown === "object") return thrown;
  return Object.assign(new Error(harmless), { name });
}

/**
 * The service said that all is well, and the message is not there or not complete: a stream without messageStop, or, over
 * HTTP/2, an answer whose body was lost.
 */
export function incompleteAnswer(): Error {
  return Object.assign(new Error("The answer ended before it was complete."), {
    name: "IncompleteAnswer",
  });
}
