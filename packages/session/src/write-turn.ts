import { SessionConflictError } from "@lambdallm/core";
import type { SessionMessage, Turn } from "@lambdallm/core/stores";
import { Contention, neverFirst } from "./contention.ts";
import { type Delivery, isIncomplete } from "./delivery.ts";
import type { History } from "./history.ts";
import type { ConflictMode } from "./options.ts";

export interface UnwrittenTurn {
  readonly messages: readonly SessionMessage[];
  /** What happens when others have written. @default the history's own mode */
  readonly mode?: ConflictMode | undefined;
  /** Whether a turn is this very one, written by another delivery of the request at the same time. */
  readonly isSame: (turn: Turn) => boolean;
}

/**
 * Writes messages as one turn.
 *
 * @returns The turn of another delivery, when it was there first; nothing is written then.
 * @throws {SessionConflictError} Others have written, and the mode is not `rebase`, or they never stopped.
 */
export async function writeTurn(
  history: History,
  delivery: Delivery,
  turn: UnwrittenTurn,
  signal: AbortSignal,
): Promise<Turn | undefined> {
  const other = await delivery.write((writeId) =>
    write(history, turn, writeId, signal),
  );
  if (other !== undefined) delivery.claim(other);
  return other;
}

async function write(
  history: History,
  { messages, mode = history.conflict, isSame }: UnwrittenTurn,
  writeId: string,
  signal: AbortSignal,
): Promise<Turn | undefined> {
  const contention = new Contention(history.limit, signal);
  const saved = () => {
    history.emit("session-save", {
      messages: messages.length,
      incomplete: isIncomplete(messages),
      attempts: contention.attempts,
      durationMs: contention.durationMs,
    });
    return undefined;
  };
  for (;;) {
    if (await history.append(messages, writeId, signal)) return saved();
    const rebase = mode === "rebase";
    // Before reading: what has been read is the newer, the less has been waited since.
    const waited = rebase && (await contention.pause());
    const newer = await history.catchUp(signal);
    // An attempt whose reply was lost.
    if (newer.some((turn) => turn.writeId === writeId)) {
      history.unsaved.delete(messages);
      return saved();
    }
    const same = newer.find(isSame);
    if (same !== undefined) return history.replayed(same, messages);
    history.reportConflict(newer, mode);
    if (waited) continue;
    throw rebase
      ? neverFirst()
      : new SessionConflictError(
          "The session has newer messages than those that were read. Nothing was saved: look at them and try again.",
          newer,
        );
  }
}
