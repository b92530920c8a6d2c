import { StoreError } from "@lambdallm/core";
import { jsonBytes } from "@lambdallm/core/feature";
import { MAX_TURN_BYTES, type SessionMessage } from "@lambdallm/core/stores";

/** The answer is stored in the same turn: this is more than models write. */
const ANSWER_BYTES = 512 * 1024;

const MAX_ASKED_BYTES = MAX_TURN_BYTES - ANSWER_BYTES;

/**
 * What a turn asks must be storable before anybody pays for its answer.
 *
 * @param place What the message of the error begins with.
 * @throws {StoreError} `too-large`
 */
export function checkSize(
  place: string,
  messages: readonly SessionMessage[],
): void {
  const bytes = jsonBytes(messages);
  if (bytes > MAX_ASKED_BYTES)
    throw new StoreError(
      `${place} would take ${bytes} bytes as JSON; at most ${MAX_ASKED_BYTES} can be stored with an answer. Send large files as s3Location.`,
      { reason: "too-large", operation: "append" },
    );
}
