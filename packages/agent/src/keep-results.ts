import type { Message } from "@lambdallm/core";
import { mapResults } from "./map-results.ts";

const CLEARED = { text: "(This result was cleared to save room.)" } as const;

/**
 * The messages with a short note in place of the results of tools, but for the last ones. Calls stay with their results, and
 * what the model has not seen yet, the results of the last message, stays whatever `keep` is.
 *
 * The same messages give the same: a prefix that the service has cached is another one from the first result that was cleared
 * since.
 *
 * @param keep How many results stay, counted from the end.
 */
export function keepToolResults(
  messages: readonly Message[],
  keep: number,
): readonly Message[] {
  let count = 0;
  return mapResults(messages, (result, message) => {
    count += 1;
    const isKept = count <= keep || message === messages.at(-1);
    return isKept ? result : { ...result, content: [CLEARED] };
  });
}
