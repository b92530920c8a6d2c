import bedrock from "@lambdallm/bedrock";
import checkpoint, { type StepStores } from "@lambdallm/checkpoint";
import { Model } from "@lambdallm/core";
import timeoutGuard from "@lambdallm/timeout-guard";
import middy from "@middy/core";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { inputOf, review, reviewed } from "./review.ts";

interface ReviewEvent extends Omit<APIGatewayProxyEventV2, "body"> {
  readonly body: unknown;
}

export interface ReviewOptions {
  readonly store: StepStores;
  /** Before Lambda's timeout, in milliseconds: when model calls stop, and steps are put off. @default that of the middlewares */
  readonly bufferMs?: number;
  readonly reserveMs?: number;
}

/**
 * `POST /` with `{ "text": "...", "language": "German" }` answers with `{ briefing, costUsd }`; or, when there was not enough time, with 202
 * and a run id. `POST /` with the header `x-run-id` goes on from there: what is finished is not asked again.
 */
export function reviewHandler({ store, bufferMs, reserveMs }: ReviewOptions) {
  return middy<ReviewEvent>()
    .use(httpErrorHandler())
    .use(httpJsonBodyParser({ disableContentTypeError: true }))
    .use(bedrock({ model: Model.CLAUDE_HAIKU_4_5, maxTokens: 1_000 }))
    .use(timeoutGuard({ strategy: "checkpoint", bufferMs }))
    .use(checkpoint({ store, reserveMs }))
    .handler(async (event, context) => {
      // Recorded like everything else: whoever resumes the run need not send the document again.
      const input = await context.journal.step("input", async () =>
        inputOf(event.body),
      );
      return {
        statusCode: 200,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(await reviewed(review.run(context, input))),
      };
    });
}
