import { Suspended, type WaitingFor } from "../contract/journal.ts";

/** One for all that wait: the run goes on when the first of them can. */
export function joined(
  runId: string,
  suspensions: readonly (Suspended | undefined)[],
): Suspended {
  const all = suspensions.filter((one) => one !== undefined);
  const [first, ...others] = all;
  if (first !== undefined && others.length === 0) return first;
  const times = all.flatMap(({ resumeAt }) => resumeAt ?? []);
  const waitingFor = new Map<string, WaitingFor>(
    all.flatMap((one) => one.waitingFor.map((each) => [each.token, each])),
  );
  return new Suspended(runId, {
    ...(times.length > 0 && { resumeAt: Math.min(...times) }),
    waitingFor: [...waitingFor.values()],
  });
}
