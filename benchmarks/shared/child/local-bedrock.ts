/** The local Bedrock in a process of its own, so that its CPU time is nobody's; one reply of 20 deltas for every request. */
import { startBedrock } from "@lambdallm/local";

const FORGET_EVERY_MS = 500;

const chunks = Array.from(
  { length: 20 },
  (_, index) => `piece ${index + 1} of the summary, `,
);
const reply = {
  content: [{ text: chunks.join("") }],
  chunks,
  usage: { inputTokens: 250, outputTokens: 120, totalTokens: 370 },
};

process.once(
  "message",
  async ({ tls }: { tls?: { key: string; cert: string } }) => {
    const bedrock = await startBedrock({
      ...(tls && { tls }),
      respond: () => reply,
      // The contenders' model reaches its end of life one day; this benchmark does not.
      now: () => Date.UTC(2026, 10, 22),
    });
    // It records every request.
    setInterval(() => bedrock.reset(), FORGET_EVERY_MS);
    process.send?.(bedrock.url);
  },
);
process.once("disconnect", () => process.exit());
