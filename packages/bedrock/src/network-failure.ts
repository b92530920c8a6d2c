import type { Verdict } from "./classify.ts";
import type { ServiceError } from "./service-error.ts";

/** Network errors that come before the request could be sent: no address, no way there, or nothing left to go there with. */
const NOT_SENT =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_[A-Z]+|E(?:HOST|NET)(?:UNREACH|DOWN)|EADDRNOTAVAIL|EMFILE|ENFILE|ENOBUFS)$/;

/** Those after which nobody knows. */
const LOST =
  /^(?:ECONNRESET|EPIPE|ETIMEDOUT|ERR_HTTP2_(?:STREAM_CANCEL|STREAM_ERROR|GOAWAY_SESSION))$/;

/** What the certificate of the other side fails with, before anything is sent. @see https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const CERTIFICATE =
  /^(?:ERR_TLS_CERT_\w+|(?:CERT|CRL|UNABLE_TO|ERROR_IN|DEPTH_ZERO|SELF_SIGNED|PATH_LENGTH|INVALID|HOSTNAME)_\w+)$/;

/** Other failures of TLS: in the handshake, or later. */
const TLS = /^(?:EPROTO|ERR_SSL_\w+)$/;

/** What the fetch of a browser says, for clients with a handler of that kind: the AWS SDK knows these texts. */
const FETCH_FAILED =
  /^(?:Failed to fetch|NetworkError when attempting to fetch resource|The Internet connection appears to be offline|Load failed|Network request failed)$/;

/** Those that the AWS SDK sends again, whatever their body says. */
export const TRANSIENT_STATUS: ReadonlySet<number> = new Set([
  500, 502, 503, 504,
]);

/** As deep as the AWS SDK looks. */
const MOST_CAUSES = 10;

const interrupted: Verdict = {
  reason: "interrupted",
  retryable: true,
  billed: "unknown",
};
const notSent: Verdict = { reason: "connection", retryable: true };
const lost: Verdict = { ...notSent, billed: "unknown" };

function tlsFailed(code: string): Verdict {
  return {
    reason: "connection",
    billed: CERTIFICATE.test(code) ? "none" : "unknown",
    hint: `could not be reached: the TLS connection failed (${code})`,
  };
}

/**
 * The code of a network error. The SDK wraps errors of another realm, such as Node's own under Jest, and keeps their
 * text only.
 */
export function networkCode(error: ServiceError): string | undefined {
  let code: unknown;
  for (const { code: own } of withCauses(error)) code ??= own;
  code ??= /\b(E[A-Z_]{3,}|socket hang up|aborted)\b/.exec(error.message)?.[0];
  if (code === "socket hang up" || code === "aborted") return "ECONNRESET";
  if (typeof code !== "string") return undefined;
  return [NOT_SENT, LOST, CERTIFICATE, TLS].some((codes) => codes.test(code))
    ? code
    : undefined;
}

/** What an error means that has no name of the service's: by its network code, else by the HTTP status. */
export function networkVerdict(
  error: ServiceError,
  status: number | undefined,
): Verdict {
  const code = networkCode(error);
  if (code !== undefined) {
    // Node says "aborted" when it is the body that broke off: by then the tokens were generated.
    if (status !== undefined || /\baborted\b/.test(error.message))
      return interrupted;
    if (CERTIFICATE.test(code) || TLS.test(code)) return tlsFailed(code);
    const isRefused = error.message.includes("NGHTTP2_REFUSED_STREAM");
    return NOT_SENT.test(code) || isRefused ? notSent : lost;
  }
  if (status === undefined) {
    const isLost =
      FETCH_FAILED.test(error.message) ||
      withCauses(error).some(({ name }) => name === "TimeoutError");
    return isLost ? lost : { reason: "unknown", billed: "unknown" };
  }
  if (status < 300) return interrupted;
  if (status === 429) return { reason: "throttled", retryable: true };
  if (status === 408 || status >= 500)
    return { reason: "unavailable", retryable: true };
  if (status === 401 || status === 403) return { reason: "access-denied" };
  if (status === 404) return { reason: "model-not-found" };
  return { reason: "invalid-request" };
}

function withCauses(error: ServiceError): Partial<ServiceError>[] {
  const errors: Partial<ServiceError>[] = [];
  let current: unknown = error;
  while (
    typeof current === "object" &&
    current !== null &&
    errors.length <= MOST_CAUSES
  ) {
    const next: Partial<ServiceError> = current;
    errors.push(next);
    current = next.cause;
  }
  return errors;
}
