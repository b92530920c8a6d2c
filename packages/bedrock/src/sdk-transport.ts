import {
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  ConverseCommand,
  type ConverseCommandOutput,
  ConverseStreamCommand,
  type ConverseStreamCommandOutput,
  CountTokensCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { ConfigurationError } from "@lambdallm/core";
import { Connections, followSending } from "@lambdallm/core/feature";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { environmentRegion } from "./target.ts";
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

/** The AWS SDK's client as a transport; or a stub of it, which answers with less, or with nothing at all. */
export function sdkTransport(client: BedrockRuntimeClient): Transport {
  return {
    client,
    region: () => regionOf(client),
    follow: (signal, sending) =>
      // A stub has no settings.
      followSending(client.config?.requestHandler, signal, sending),
    async converse(input, abortSignal) {
      const { $metadata, ...output }: Partial<ConverseCommandOutput> =
        (await client.send(new ConverseCommand(input), { abortSignal })) ?? {};
      return { ...output, requestId: $metadata?.requestId };
    },
    async converseStream(input, abortSignal) {
      const { stream, $metadata }: Partial<ConverseStreamCommandOutput> =
        (await client.send(new ConverseStreamCommand(input), {
          abortSignal,
        })) ?? {};
      // The deserializer always makes one.
      if (stream === undefined)
        throw new ConfigurationError(
          "The client's answer to ConverseStream has no stream. A stub of the client has to give one: anything that can be iterated over, such as an array of events.",
        );
      return { events: stream, requestId: $metadata?.requestId };
    },
    async countTokens(input, abortSignal) {
      const output = await client.send(new CountTokensCommand(input), {
        abortSignal,
      });
      return output?.inputTokens ?? 0;
    },
  };
}

async function regionOf(client: BedrockRuntimeClient): Promise<string> {
  const { config }: { config?: Partial<typeof client.config> } = client;
  if (config?.region) return config.region();
  const region = environmentRegion();
  if (region !== undefined) return region;
  throw new Error("The client has no config.region.");
}
