import {
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Transport } from "./transport.ts";

/** A connection that takes longer than this is given up and may be retried. */
const CONNECTION_TIMEOUT_MS = 3_000;

export interface ClientOptions {
  readonly region: string | undefined;
  readonly maxSockets: number;
  readonly config: BedrockRuntimeClientConfig | undefined;
}

export function createClient({
  region,
  maxSockets,
  config,
}: ClientOptions): BedrockRuntimeClient {
  const agent = { keepAlive: true, maxSockets };
  return new BedrockRuntimeClient({
    // The client's default speaks HTTP/2 with a new connection for every call; this one keeps them.
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      httpAgent: agent,
      httpsAgent: agent,
    }),
    ...config,
    ...(region !== undefined && { region }),
    // Retries belong to one layer, which knows Lambda's deadline; the client's own would multiply them.
    maxAttempts: 1,
  });
}

/** The AWS SDK's client as a transport. */
export function sdkTransport(client: BedrockRuntimeClient): Transport {
  return {
    client,
    region: () => client.config.region(),
    async converse(input, abortSignal) {
      const { $metadata, ...output } = await client.send(
        new ConverseCommand(input),
        { abortSignal },
      );
      return { ...output, requestId: $metadata.requestId };
    },
    async converseStream(input, abortSignal) {
      const { stream, $metadata } = await client.send(
        new ConverseStreamCommand(input),
        { abortSignal },
      );
      // The type allows for none, but the deserializer always makes one.
      const events = stream as NonNullable<typeof stream>;
      return { events, requestId: $metadata.requestId };
    },
    async countTokens(input, abortSignal) {
      const { inputTokens } = await client.send(new CountTokensCommand(input), {
        abortSignal,
      });
      return inputTokens ?? 0;
    },
  };
}
