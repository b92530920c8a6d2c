import type { Journal, Message } from "@lambdallm/core";
import { ROOM } from "./room.ts";
import type { Conversation } from "./types.ts";

/** What has been said before, as it was when the run began. */
export async function historyOf(
  journal: Journal,
  session: Conversation | undefined,
): Promise<readonly Message[]> {
  if (session === undefined) return [];
  return journal.step(
    "history",
    async () => [...(await session.getHistory())],
    ROOM,
  );
}

/** As one turn, and as the same one when the process is killed before the step is recorded. */
export async function store(
  journal: Journal,
  session: Conversation,
  messages: readonly Message[],
): Promise<void> {
  await journal.step("store", async ({ key }) => {
    for (const { role, content } of messages)
      session.addMessage(role === "assistant" ? role : "user", content);
    await session.save({ idempotencyKey: key });
  });
}
