import {
  DynamoDBClient,
  type DynamoDBClientConfig,
} from "@aws-sdk/client-dynamodb";
import { ConfigurationError } from "@lambdallm/core";
import {
  Connections,
  check,
  warnOfClientRetries,
} from "@lambdallm/core/feature";
import { NodeHttpHandler } from "@smithy/node-http-handler";

/** How DynamoDB is reached. */
export interface ClientOptions {
  /** AWS Region of the table. @default the client's, else `AWS_REGION` */
  readonly region?: string | undefined;
  /** A client of your own. Bring request timeouts and `maxAttempts: 1`: the store retries on its own. */
  readonly client?: DynamoDBClient | undefined;
  /** Settings for the client that is made here, such as `endpoint` or `credentials`. */
  readonly clientConfig?:
    | Omit<DynamoDBClientConfig, "region" | "maxAttempts">
    | undefined;
}

export const clientChecks = {
  region: check.text,
  client: check.object,
  clientConfig: check.object,
};

/** A connection or an answer that takes longer than this is given up, so that there is time for another attempt. */
const CONNECTION_TIMEOUT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 2_000;

const MAX_SOCKETS = 50;

const NO_CONFIG = {};

/** One client for each Region and settings: stores with the same ones share their connections. */
const clients = new WeakMap<object, Map<string, DynamoDBClient>>();

/** Makes the client when it is first asked for. */
export function clientSource(
  owner: string,
  { client, clientConfig, region }: ClientOptions,
): () => DynamoDBClient {
  if (client && (clientConfig ?? region) !== undefined)
    throw new ConfigurationError(
      `${owner}: the option "client" brings its own settings: set region and clientConfig on it instead.`,
    );
  if (client === undefined)
    return () => sharedClient(clientConfig ?? NO_CONFIG, region);
  return () => {
    warnOfClientRetries(owner, client);
    return client;
  };
}

function sharedClient(
  config: DynamoDBClientConfig,
  region: string | undefined,
): DynamoDBClient {
  const byRegion = clients.get(config) ?? new Map<string, DynamoDBClient>();
  clients.set(config, byRegion);
  const existing = byRegion.get(region ?? "");
  if (existing) return existing;
  const connections = new Connections({
    maxSockets: MAX_SOCKETS,
    connectTimeoutMs: CONNECTION_TIMEOUT_MS,
  });
  const { httpAgent, httpsAgent } = connections;
  const created = new DynamoDBClient({
    requestHandler: connections.govern(
      new NodeHttpHandler({
        requestTimeout: REQUEST_TIMEOUT_MS,
        // Without it a late answer is only a warning in the log.
        throwOnRequestTimeout: true,
        httpAgent,
        httpsAgent,
      }),
    ),
    ...config,
    ...(region !== undefined && { region }),
    // The client's own retries share one quota, which many calls at once use up; ours have a deadline instead.
    maxAttempts: 1,
  });
  byRegion.set(region ?? "", created);
  return created;
}
