import type { Message } from "@lambdallm/core";
import type { SessionMessage } from "@lambdallm/core/stores";
import { type Company, choose, type MemoryStrategy } from "./memory.ts";
import { repair } from "./repair.ts";
import type { StoredHistory } from "./stored-history.ts";

/** The part of a session that the model gets; older messages are read as long as the memory strategy wants them. */
export async function selectMessages(
  {
    history,
    memory,
    company,
  }: {
    readonly history: StoredHistory;
    readonly memory: MemoryStrategy;
    readonly company: Company;
  },
  past: () => readonly SessionMessage[],
  load: (messages: number) => Promise<void>,
): Promise<readonly Message[]> {
  for (;;) {
    const { hasOlder } = history;
    const { question } = company;
    const { messages } = repair(past(), { hasOlder, question });
    const chosen = choose(memory, messages, { hasOlder, company });
    if (chosen !== undefined) return chosen;
    await load(history.messages.length * 2 + 1);
  }
}
