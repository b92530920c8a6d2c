import {
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  ConverseCommand,
  type ConverseCommandInput,
  ConverseStreamCommand,
  type ConverseStreamOutput,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
// Files with nothing but types count as covered once they are loaded.
import "../src/bedrock/types.ts";
import "../src/command/function-message.ts";
import type { LocalBedrock } from "../src/index.ts";

export const HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
export const LLAMA = "meta.llama3-8b-instruct-v1:0";
export const TITAN = "amazon.titan-text-express-v1";

/** A day on which all models of the tests are alive, the retired ones included. */
export const EARLY = () => Date.parse("2025-06-01");

export const TRANSPORTS = [
  ["HTTP/2, the SDK's default", () => ({})],
  ["HTTP/1.1", () => ({ requestHandler: new NodeHttpHandler() })],
] as const satisfies readonly (readonly [
  string,
  () => Partial<BedrockRuntimeClientConfig>,
])[];

export function clientOf(
  bedrock: LocalBedrock,
  config: Partial<BedrockRuntimeClientConfig> = {},
): BedrockRuntimeClient {
  return new BedrockRuntimeClient({
    region: "us-east-1",
    endpoint: bedrock.url,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    maxAttempts: 1,
    ...config,
  });
}

export function ask(
  text: string,
  more: Partial<ConverseCommandInput> = {},
): ConverseCommandInput {
  return {
    modelId: HAIKU,
    messages: [{ role: "user", content: [{ text }] }],
    ...more,
  };
}

export function converse(
  client: BedrockRuntimeClient,
  input: ConverseCommandInput,
) {
  return client.send(new ConverseCommand(input));
}

/** The events of a stream, and the error that ended it. */
export async function collect(
  client: BedrockRuntimeClient,
  input: ConverseCommandInput,
): Promise<{ events: ConverseStreamOutput[]; error: unknown }> {
  const events: ConverseStreamOutput[] = [];
  try {
    const { stream } = await client.send(new ConverseStreamCommand(input));
    for await (const event of stream ?? []) events.push(event);
    return { events, error: undefined };
  } catch (error) {
    return { events, error };
  }
}

export function kindsOf(events: readonly object[]): string[] {
  return events.map((event) => Object.keys(event)[0] ?? "");
}

/** The members that tests read from a JSON answer, before they compare what they find. */
export type Nested = {
  readonly [Name in
    | "content"
    | "inputTokens"
    | "message"
    | "output"
    | "stopReason"
    | "stop_reason"
    | "totalTokens"
    | "usage"]: Nested;
} & { readonly [index: number]: Nested };

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // What a test reads from an answer is its own business.
  readonly body: Nested;
}

/** A request without the SDK, which would not let some of them through. */
export async function post(
  bedrock: LocalBedrock,
  modelId: string,
  action: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const response = await fetch(
    `${bedrock.url}/model/${encodeURIComponent(modelId)}/${action}`,
    {
      method: "POST",
      headers,
      body: typeof body === "string" ? body : JSON.stringify(body),
    },
  );
  const text = await response.text();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  return {
    status: response.status,
    headers: response.headers,
    text,
    // Whatever it is: the tests compare what they find in it.
    body: parsed as Nested,
  };
}

/** Resolves when something has become true. */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!(await isTrue()))
    await new Promise((resolve) => setTimeout(resolve, 5));
}
