import { MockLambdaContext } from "@lambdallm/testing";
import { decide, research, waiting } from "./src/handler.ts";

/* One process of a function: it takes one event, and its parent may kill it. */

interface Invocation {
  readonly name: "research" | "waiting" | "decide";
  readonly event: never;
  readonly awsRequestId: string;
}

process.once("message", async (given) => {
  const answer = await invoke(given as Invocation).then(
    (result) => ({ result }),
    (error: { readonly message: string; readonly retryAfterMs?: number }) => ({
      error: error.message,
      retryAfterMs: error.retryAfterMs,
    }),
  );
  process.send?.(answer, () => process.exit());
});

async function invoke({ name, event, awsRequestId }: Invocation) {
  if (name === "waiting") return waiting(event);
  if (name === "decide") return decide(event);
  // The middlewares add what is missing.
  const context: unknown = new MockLambdaContext({ awsRequestId });
  return research(event, context as Parameters<typeof research>[1]);
}
