import {
  ConfigurationError,
  StoreError,
  type StoreFailureReason,
} from "@lambdallm/core";

/** What was being done when it failed. */
export interface Attempted {
  readonly operation: string;
  /** The action of the service, which is also its name in IAM. */
  readonly action: string;
  readonly tableName: string;
}

/** By the service's name of the error. */
const BY_NAME: Readonly<Record<string, StoreFailureReason>> = {
  ThrottlingException: "throttled",
  ProvisionedThroughputExceededException: "throttled",
  RequestLimitExceeded: "throttled",
  TransactionInProgressException: "unavailable",
  InternalServerError: "unavailable",
  TimeoutError: "unavailable",
  AbortError: "timeout",
  ResourceNotFoundException: "not-found",
  AccessDeniedException: "access-denied",
  ValidationException: "invalid-request",
  ExpiredTokenException: "credentials",
  UnrecognizedClientException: "credentials",
  InvalidSignatureException: "credentials",
  IncompleteSignatureException: "credentials",
  MissingAuthenticationTokenException: "credentials",
  CredentialsProviderError: "credentials",
};

/** As a code, or in the text: the SDK wraps errors of another realm, such as Node's own under Jest, and keeps only that. */
const NETWORK =
  /\b(?:ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|socket hang up|aborted)\b/;

const TOO_LARGE = /item size.* exceeded/i;

const RETRIED: ReadonlySet<StoreFailureReason> = new Set([
  "throttled",
  "unavailable",
]);

/** Callers may be shown those that pass: these do not name the table. */
const MESSAGES: Readonly<Record<string, (attempted: Attempted) => string>> = {
  throttled: () =>
    "DynamoDB throttles the table; no retry came through in time.",
  unavailable: () =>
    "DynamoDB failed or could not be reached; no retry came through in time.",
  timeout: () => "The time was over before DynamoDB had answered.",
  "not-found": ({ tableName }) =>
    `The table "${tableName}" does not exist in this account and Region. Check the option "tableName", or create the table: from tableDefinition, or with createTable() in development.`,
  "access-denied": ({ action, tableName }) =>
    `The role may not call dynamodb:${action} on the table "${tableName}". Allow it; iamPolicy() gives the whole policy.`,
  credentials: ({ tableName }) =>
    `There are no valid AWS credentials for the table "${tableName}"; give the function a role, or set clientConfig.credentials.`,
  "too-large": () => "The item would be larger than DynamoDB's 400 KB.",
  "invalid-request": ({ tableName }) =>
    `DynamoDB refused the request. The table "${tableName}" must have the keys PK and SK, as in tableDefinition.`,
};

/** What went wrong, and whether trying again can help. */
export function failureOf(
  error: unknown,
  attempted: Attempted,
): { readonly error: Error; readonly retry: boolean } {
  const facts = factsOf(error);
  if (facts.message === "Region is missing")
    return {
      retry: false,
      error: new ConfigurationError(
        'dynamoDBStore: there is no AWS Region; set AWS_REGION or the option "region".',
      ),
    };
  const reason = reasonOf(facts);
  const retry = RETRIED.has(reason);
  const message =
    MESSAGES[reason]?.(attempted) ??
    `DynamoDB could not do it: ${facts.name} on the table "${attempted.tableName}".`;
  return {
    retry,
    error: new StoreError(`${attempted.operation}: ${message}`, {
      reason,
      operation: attempted.operation,
      retryable: retry || reason === "timeout",
      serviceError: facts.name,
      cause: error,
    }),
  };
}

interface Facts {
  readonly name: string;
  readonly message: string;
  readonly code: unknown;
  readonly status: number;
}

function factsOf(error: unknown): Facts {
  const { name, message, code, $metadata } = Object(error);
  return {
    name: typeof name === "string" ? name : typeof error,
    message: String(message),
    code,
    status: Number(Object($metadata).httpStatusCode ?? 0),
  };
}

function reasonOf({ name, message, code, status }: Facts): StoreFailureReason {
  const known = Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
  if (known === "invalid-request" && TOO_LARGE.test(message))
    return "too-large";
  if (known) return known;
  if (status >= 500 || NETWORK.test(`${code} ${message}`)) return "unavailable";
  return status >= 400 ? "invalid-request" : "failed";
}

/** What is in the table is not what this store has written. */
export function corrupt(operation: string, what: string): StoreError {
  return new StoreError(`${operation}: ${what}.`, {
    reason: "corrupt",
    operation,
  });
}
