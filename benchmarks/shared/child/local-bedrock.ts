/** The local Bedrock in a process of its own, so that its CPU time is nobody's. */
import { type Responder, startBedrock } from "@lambdallm/local";

export interface LocalBedrockOptions {
  /** URL of a module that exports `respond`. */
  readonly responder: string;
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
}

const FORGET_EVERY_MS = 500;

process.once("message", async ({ responder, tls }: LocalBedrockOptions) => {
  // Every such module exports one.
  const { respond } = (await import(responder)) as { respond: Responder };
  const bedrock = await startBedrock({
    ...(tls && { tls }),
    respond,
    // The contenders' model reaches its end of life one day; this benchmark does not.
    now: () => Date.UTC(2026, 10, 22),
  });
  // It records every request.
  setInterval(() => bedrock.reset(), FORGET_EVERY_MS);
  process.send?.(bedrock.url);
});
process.once("disconnect", () => process.exit());
