import {
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { Connections, followSending } from "@lambdallm/core/feature";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Transport } from "./transport.ts";

/** A connection that takes longer than this is given up and may be retried. */
const CONNECT_TIMEOUT_MS = 3_000;

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
  const connections = new Connections({
    maxSockets,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    proxyEnv: environmentProxies(),
  });
  const { httpAgent, httpsAgent } = connections;
  return new BedrockRuntimeClient({
    // The client's default speaks HTTP/2 with a new connection for every call; this one keeps them.
    requestHandler: connections.govern(
      new NodeHttpHandler({ httpAgent, httpsAgent }),
    ),
    ...config,
    ...(region !== undefined && { region }),
    // Retries belong to one layer, which knows Lambda's deadline; the client's own would multiply them.
    maxAttempts: 1,
  });
}

/**
 * Node's own switch for the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`) reaches its global agents only.
 *
 * @see https://nodejs.org/api/http.html#built-in-proxy-support
 */
function environmentProxies(): NodeJS.ProcessEnv | undefined {
  return process.env["NODE_USE_ENV_PROXY"] === "1" ? process.env : undefined;
}

/** The AWS SDK's client as a transport. */
export function sdkTransport(client: BedrockRuntimeClient): Transport {
  return {
    client,
    region: () => client.config.region(),
    follow: (signal, sending) =>
      followSending(client.config.requestHandler, signal, sending),
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
