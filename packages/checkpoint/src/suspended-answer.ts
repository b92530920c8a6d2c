import type { WaitingFor } from "@lambdallm/core";
import { retryAfterHeaders } from "@lambdallm/core/feature";

/** What the caller of a run that waits gets: 202, whatever has called the function. */
export function suspendedAnswer(
  run: {
    readonly runId: string;
    readonly resumeAt: number | undefined;
    readonly waitingFor: readonly WaitingFor[];
  },
  now: number,
) {
  const { runId, resumeAt, waitingFor } = run;
  const waitMs = resumeAt === undefined ? undefined : resumeAt - now;
  return {
    statusCode: 202,
    headers: {
      "content-type": "application/json",
      "x-run-id": runId,
      ...(waitMs !== undefined && retryAfterHeaders(Math.max(0, waitMs))),
    },
    // Whoever has a token may answer, so only the names.
    body: JSON.stringify({
      runId,
      status: "suspended",
      resumeAt,
      waitingFor: waitingFor.map(({ name }) => name),
    }),
  };
}
