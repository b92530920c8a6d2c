import { bedrock } from "@lambdallm/bedrock";
import type { LLMContext } from "@lambdallm/core";
import {
  type LocalBedrock,
  type StartBedrockOptions,
  startBedrock,
} from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";

/** Before any model of the catalog has ended. */
const EARLY = Date.UTC(2024, 0, 1);

export function startLocal(
  options: StartBedrockOptions,
): Promise<LocalBedrock> {
  return startBedrock({ now: () => EARLY, ...options });
}

/** Runs one invocation of a handler over the local Bedrock. */
export async function overHttp<Result>(
  { url }: LocalBedrock,
  run: (context: LLMContext) => Promise<Result>,
): Promise<Result> {
  const clientConfig = {
    endpoint: url,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  };
  const handler = middy()
    .use(bedrock({ region: "us-east-1", clientConfig }))
    .handler(async (_event, context) => ({ result: await run(context) }));
  const context = new MockLambdaContext({ timeoutMs: 600_000 });
  const { result } = await handler({}, context);
  return result;
}
