import type { Invocation } from "../call/invocation.ts";
import type { Journal } from "../contract/journal.ts";
import { memoryJournal } from "./memory-journal.ts";

/** The journal of an invocation: that of the checkpoint middleware, or one in memory, which lives as long as the invocation does. */
export function journalOf(invocation: Invocation): Journal {
  const { operations } = invocation;
  invocation.journal ??= memoryJournal({ operations });
  return invocation.journal;
}
