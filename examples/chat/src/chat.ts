import bedrock from "@lambdallm/bedrock";
import { Model, toResponseBody } from "@lambdallm/core";
import type { Stores } from "@lambdallm/core/stores";
import costTracking from "@lambdallm/cost-tracking";
import logging, { type LoggingOptions } from "@lambdallm/logging";
import metrics, { type MetricsOptions } from "@lambdallm/metrics";
import retryFallback from "@lambdallm/retry-fallback";
import session from "@lambdallm/session";
import timeoutGuard from "@lambdallm/timeout-guard";
import tracing from "@lambdallm/tracing";
import middy, { type MiddyfiedHandler } from "@middy/core";
import { executionModeStreamifyResponse } from "@middy/core/StreamifyResponse";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import { createError } from "@middy/util";
import type { LambdaFunctionURLEventWithIAMAuthorizer } from "aws-lambda";

export interface ChatEvent
  extends Omit<LambdaFunctionURLEventWithIAMAuthorizer, "body"> {
  readonly body: { readonly sessionId: string; readonly text: string };
}

export interface ChatOptions {
  readonly store: Stores;
  /** For each tenant, a UTC day. */
  readonly dailyBudgetUsd: number;
  readonly logging?: LoggingOptions;
  /** Their namespace is "Chat". */
  readonly metrics?: Omit<MetricsOptions, "namespace">;
}

/**
 * `POST /` with `{ "sessionId": "...", "text": "..." }` answers with `{ answer, stopReason, usage, costUsd }`. `stopReason` is
 * "timeout" when the time was over before the answer was.
 */
export function chatHandler(options: ChatOptions) {
  return withChat(middy<ChatEvent>(), options).handler(
    async (event, context) => {
      let stopReason: string | undefined;
      const answer = await context.chat(event.body.text, {
        onResponse: (response) => {
          ({ stopReason } = response);
        },
      });
      const { usage, totalCostUsd: costUsd } = context;
      return {
        statusCode: 200,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ answer, stopReason, usage, costUsd }),
      };
    },
  );
}

/** The same as server-sent events: `{ text }` while it is written, at the end `done` with `{ usage, costUsd, stopReason }`. */
export function chatStreamHandler(options: ChatOptions) {
  const streaming = { executionMode: executionModeStreamifyResponse };
  return withChat(middy<ChatEvent>(streaming), options).handler(
    async (event, context) => {
      const stream = context.chatStream(event.body.text);
      // Until here a failure can still become a status code.
      await stream.started;
      const done = () => ({
        usage: context.usage,
        costUsd: context.totalCostUsd,
      });
      return {
        statusCode: 200,
        body: toResponseBody(stream, { format: "sse", done }),
      };
    },
  );
}

function withChat(
  chain: MiddyfiedHandler<ChatEvent>,
  { store, dailyBudgetUsd, ...options }: ChatOptions,
) {
  return (
    chain
      .use(httpErrorHandler())
      .use(httpJsonBodyParser())
      .before(checkBody)
      .use(
        bedrock({
          model: Model.CLAUDE_HAIKU_4_5,
          system: "You are the helpful assistant of a small shop.",
          maxTokens: 1_000,
        }),
      )
      // Spans go wherever the SDK of OpenTelemetry that is installed sends them; without one they cost nothing.
      .use(tracing())
      .use(logging(options.logging))
      .use(metrics({ ...options.metrics, namespace: "Chat" }))
      .use(
        session({
          store,
          tenant: tenantOf,
          id: (event) => event.body.sessionId,
        }),
      )
      .use(costTracking({ store, key: tenantOf, dailyBudgetUsd }))
      .use(timeoutGuard({ strategy: "truncate" }))
      // Somebody waits for the answer: another model is better than more retries.
      .use(retryFallback({ maxRetries: 1, fallbackModel: Model.NOVA_LITE }))
  );
}

/**
 * The id of the IAM role or user that has signed the request. The function URL has checked it; what the body says, nobody has.
 */
function tenantOf({ requestContext }: ChatEvent): string {
  // After a role's id comes the name that whoever has assumed it gave the session.
  return requestContext.authorizer.iam.userId.replace(/^(AROA.*):.*$/, "$1");
}

async function checkBody({ event }: { event: ChatEvent }): Promise<void> {
  const { sessionId, text }: Record<string, unknown> = Object(event.body);
  if (typeof sessionId !== "string" || typeof text !== "string" || !text.trim())
    throw createError(
      400,
      'Send { "sessionId": "...", "text": a text that is not blank }.',
    );
}
