import bedrock, { type BedrockOptions } from "@lambdallm/bedrock";
import { type LLMContext, Model } from "@lambdallm/core";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import retryFallback, {
  type RetryFallbackOptions,
} from "@lambdallm/retry-fallback";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";

export const REGION = "us-east-1";

/** Waits that real time can be spent on. */
export const QUICK = {
  baseDelayMs: 1,
  throttledBaseDelayMs: 1,
  maxDelayMs: 2,
} as const satisfies RetryFallbackOptions;

export function start(
  options: Parameters<typeof startBedrock>[0] = {},
): Promise<LocalBedrock> {
  // The catalog's models end one day; these tests do not.
  return startBedrock({ now: () => Date.UTC(2026, 10, 22), ...options });
}

export interface WireOptions {
  readonly retry?: RetryFallbackOptions;
  readonly bedrock?: BedrockOptions<false>;
  readonly timeoutMs?: number;
}

/** Runs one invocation of a handler over the local Bedrock; tells what came of it and what models the server was asked for. */
export async function invocation<Result>(
  local: LocalBedrock,
  run: (context: LLMContext) => Promise<Result>,
  options: WireOptions = {},
) {
  const handler = middy()
    .use(
      bedrock({
        region: REGION,
        model: `global.${Model.CLAUDE_HAIKU_4_5}`,
        inferenceProfile: "none",
        clientConfig: {
          endpoint: local.url,
          credentials: { accessKeyId: "local", secretAccessKey: "local" },
        },
        ...options.bedrock,
      }),
    )
    .use(retryFallback({ ...QUICK, ...options.retry }))
    .handler(async (_event, context) => ({ result: await run(context) }));
  const { timeoutMs = 60_000 } = options;
  const before = local.requests.length;
  const [outcome] = await Promise.allSettled([
    handler({}, new MockLambdaContext({ timeoutMs })),
  ]);
  return {
    result: outcome.status === "fulfilled" ? outcome.value.result : undefined,
    error: outcome.status === "rejected" ? outcome.reason : undefined,
    asked: local.requests.slice(before).map(({ modelId }) => modelId),
  };
}
