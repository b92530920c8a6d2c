import type { DurableContext } from "@aws/durable-execution-sdk-js";
import bedrock from "@lambdallm/bedrock";
import checkpoint, { type WithCheckpoint } from "@lambdallm/checkpoint";
import { durable } from "@lambdallm/checkpoint/durable";
import { Model, type WithLLM } from "@lambdallm/core";
import timeoutGuard from "@lambdallm/timeout-guard";
import middy from "@middy/core";
import { executionModeDurableContext } from "@middy/core/DurableContext";
import { inputOf, review, reviewed } from "./review.ts";

type Context = DurableContext & WithLLM<true> & WithCheckpoint;

/** The same review as a durable function, for a document in the event: the service invokes it until it has ended. */
export const handler = middy<unknown, unknown, Error, Context>({
  executionMode: executionModeDurableContext,
  // Else a step that outlives its invocation ends the execution.
  timeoutEarlyInMillis: 0,
})
  .use(
    bedrock({
      durable: true,
      model: Model.CLAUDE_HAIKU_4_5,
      maxTokens: 1_000,
    }),
  )
  .use(timeoutGuard({ strategy: "checkpoint" }))
  .use(checkpoint({ host: durable() }))
  .handler(async (event, context) =>
    reviewed(review.run(context, inputOf(event))),
  );
