import bedrock from "@lambdallm/bedrock";
import { Model } from "@lambdallm/core";
import retryFallback from "@lambdallm/retry-fallback";
import router from "@lambdallm/router";
import timeoutGuard from "@lambdallm/timeout-guard";
import middy from "@middy/core";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import type { SummaryEvent } from "../../shared/event.ts";

/** Everything that keeps a handler alive, in front of the same call. */
export const resilientChain = () =>
  middy<SummaryEvent>()
    .use(httpErrorHandler())
    .use(httpJsonBodyParser())
    .use(bedrock({ maxTokens: 500 }))
    .use(
      router({
        models: [
          Model.CLAUDE_HAIKU_4_5,
          Model.CLAUDE_SONNET_4_6,
          Model.CLAUDE_OPUS_4_5,
        ],
        strategy: "cheapest",
        rules: [
          { when: "input_tokens > 100000", model: Model.CLAUDE_OPUS_4_5 },
        ],
      }),
    )
    .use(timeoutGuard({ strategy: "truncate" }))
    .use(retryFallback({ fallbackModel: Model.NOVA_LITE }));
