import type { FailureReason } from "@lambdallm/core";
import {
  BY_NAME,
  clock,
  modelFailed,
  REFUSED,
  type Reading,
  throttled,
  unavailable,
  WORDINGS,
} from "./classify.ts";
import { networkVerdict, TRANSIENT_STATUS } from "./network-failure.ts";
import { isQuoted } from "./own-words.ts";
import type { ServiceError } from "./service-error.ts";

/**
 * What an error of the service or of the connection means.
 *
 * @param status The HTTP status, where there was one.
 * @param model The id that the request was sent to, or the catalog's.
 */
export function readError(
  error: ServiceError,
  status: number | undefined,
  model: string,
): Reading {
  // An exception that the SDK does not model arrives from a stream in lower camel case.
  const name = error.name.charAt(0).toUpperCase() + error.name.slice(1);
  const verdict = BY_NAME.get(name) ?? networkVerdict(error, status);
  const { originalStatusCode: original = 0 } = error;
  if (verdict === modelFailed) {
    const isRefused =
      original >= 400 && original < 500 && original !== 408 && original !== 429;
    if (!isRefused) return verdict;
    const said = wordingOf(error.message, "invalid-request", model);
    return said
      ? { ...said, billed: "unknown" }
      : { ...verdict, retryable: false };
  }
  const reading = wordingOf(error.message, verdict.reason, model) ?? verdict;
  return sentAgain(error, status, reading) ?? reading;
}

function wordingOf(
  text: string,
  reason: FailureReason,
  model: string,
): Reading | undefined {
  for (const { of = REFUSED, family, refuses, ...row } of WORDINGS) {
    if (!of.includes(reason) || family?.test(model) === false) continue;
    const everywhere = new RegExp(row.text, `${row.text.flags}g`);
    const match = [...text.matchAll(everywhere)].find(
      ({ index }) => !isQuoted(text, index),
    );
    if (match === undefined) continue;
    const tool = match.groups?.["tool"];
    return {
      ...row.verdict,
      ...(refuses && {
        refuses: {
          ...refuses,
          ...(tool !== undefined && { toolIndex: Number(tool) }),
        },
      }),
    };
  }
  return undefined;
}

/** The SDK's own retry, which is off, would send it again whatever its name is. */
function sentAgain(
  { $retryable, $metadata }: ServiceError,
  status: number | undefined,
  { reason, retryable }: Reading,
): Reading | undefined {
  if (retryable || reason === "quota" || reason === "aborted") return undefined;
  if (status === 429 || $retryable?.throttling) return throttled;
  if ($retryable !== undefined || TRANSIENT_STATUS.has(status ?? 0))
    return unavailable;
  if (!$metadata?.clockSkewCorrected) return undefined;
  return reason === "credentials" || reason === "access-denied"
    ? clock
    : undefined;
}
