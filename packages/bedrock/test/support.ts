import { expect } from "@jest/globals";
import { type BedrockOptions, bedrock } from "@lambdallm/bedrock";
import type {
  ConverseRequest,
  LLMContext,
  ModelInvocationError,
} from "@lambdallm/core";
import {
  type Adaptation,
  type Invocation,
  invocationOf,
} from "@lambdallm/core/feature";
import {
  type Fault,
  type LocalBedrock,
  type StartBedrockOptions,
  startBedrock,
} from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";

export const REGION = "us-east-1";

/** Client settings that reach the local Bedrock and nothing else. */
export function clientConfig(local: Pick<LocalBedrock, "url">) {
  return {
    endpoint: local.url,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  };
}

/** An answer as Converse writes it. */
export const ANSWER = JSON.stringify({
  output: { message: { role: "assistant", content: [{ text: "Yes" }] } },
  stopReason: "end_turn",
  usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
  metrics: { latencyMs: 1 },
});

export function start(options: StartBedrockOptions = {}) {
  // The catalog's models end one day; these tests do not.
  return startBedrock({ now: () => Date.UTC(2026, 10, 22), ...options });
}

/** Runs one invocation of a handler over the local Bedrock. */
export async function invocation<Result>(
  local: Pick<LocalBedrock, "url">,
  run: (context: LLMContext) => Promise<Result>,
  options: BedrockOptions<false> = {},
  timeoutMs = 60_000,
  prepare: (invocation: Invocation) => void = () => {},
): Promise<Result> {
  const handler = middy()
    .use(
      bedrock({
        region: REGION,
        clientConfig: clientConfig(local),
        ...options,
      }),
    )
    .use({
      before: async ({ context }) => {
        prepare(invocationOf(context));
      },
    })
    .handler(async (_event, context) => ({ result: await run(context) }));
  const { result } = await handler({}, new MockLambdaContext({ timeoutMs }));
  return result;
}

/** Sends a request, and gives what went over the wire and what the event said was changed of it. */
export async function sentTo(
  local: LocalBedrock,
  request: ConverseRequest,
): Promise<{
  readonly body: Record<string, unknown>;
  readonly adaptations: readonly Adaptation[];
}> {
  const adaptations: Adaptation[] = [];
  await invocation(
    local,
    (context) => context.converse(request),
    {},
    undefined,
    ({ events }) => {
      events.on("request-adapted", (event) => {
        expect(event).toMatchObject({ callId: 1, attempt: 1 });
        adaptations.push(...event.adaptations);
      });
    },
  );
  return { body: bodyOf(local), adaptations };
}

/** The error of a call that has to fail. */
export async function failureOf(
  call: Promise<unknown>,
): Promise<ModelInvocationError> {
  const failed = await call.then(
    (value) => {
      throw new Error(`did not fail, but gave ${JSON.stringify(value)}`);
    },
    (error: ModelInvocationError) => error,
  );
  return failed;
}

export function bodyOf(local: LocalBedrock, index = -1) {
  return local.requests.at(index)?.body as Record<string, unknown>;
}

export type { Fault };
