import type {
  BedrockRuntimeClient,
  BedrockRuntimeClientConfig,
} from "@aws-sdk/client-bedrock-runtime";
import {
  type CallOptions,
  ConfigurationError,
  type OutputMode,
  type WithLLM,
} from "@lambdallm/core";
import {
  callOptionChecks,
  check,
  type MiddyMiddleware,
  providerMiddleware,
  systemBlocks,
  validateOptions,
  warnOfClientRetries,
} from "@lambdallm/core/feature";
import type { Context as LambdaContext } from "aws-lambda";
import { presetRefusedModes } from "./output/ladder.ts";
import { BedrockProvider } from "./provider.ts";
import { createClient, sdkTransport } from "./sdk-transport.ts";
import { type InferenceProfile, REGION } from "./target.ts";

export { refusedOutputModes } from "./output/ladder.ts";
export type { InferenceProfile } from "./target.ts";

/** Options of the middleware: what every call inherits, and how the service is reached. */
export interface BedrockOptions<Durable extends boolean = boolean>
  extends Omit<CallOptions, "signal" | "onResponse" | "maxTokens"> {
  /**
   * Room for an answer, in tokens, of every call that does not say otherwise. The service reserves it of the account's quota
   * while a call runs, and the model's maximum (64,000 and more) for a call without one: so every call has one.
   *
   * @default 4,096, or the model's limit where that is smaller
   */
  readonly maxTokens?: number | undefined;
  /** A model id, an inference profile id or an ARN. @default Model.CLAUDE_HAIKU_4_5 */
  readonly model?: string | undefined;
  /** AWS Region of the service. @default the client's, else `AWS_REGION` */
  readonly region?: string | undefined;
  /**
   * Where a bare model id is sent: to the inference profile of the Region's geography, to the global one (any
   * commercial Region, cheaper for newer models), or as it is. A model that lacks the one is reached by the other. Ids with
   * a prefix and ARNs are never changed.
   * @default "geographic"
   */
  readonly inferenceProfile?: InferenceProfile | undefined;
  /** A client of your own. Bring a keep-alive handler and `maxAttempts: 1`: the default ones are neither. */
  readonly client?: BedrockRuntimeClient | undefined;
  /** Settings for the client that is made here, such as `endpoint` or `credentials`. */
  readonly clientConfig?:
    | Omit<BedrockRuntimeClientConfig, "region" | "maxAttempts">
    | undefined;
  /**
   * Connections at the same time; further calls wait for one.
   *
   * @default 50, or `AWS_LAMBDA_MAX_CONCURRENCY` where Lambda runs more invocations than that in one process
   */
  readonly maxSockets?: number | undefined;
  /**
   * Ways to an answer in a shape that the service refuses for a model, as `refusedOutputModes()` of another process
   * tells. Spares a cold start the requests that find it out.
   */
  readonly refusedOutputModes?:
    | Readonly<Record<string, readonly OutputMode[]>>
    | undefined;
  /** For durable functions: sets `context.llm` only, because a DurableContext has an `invoke` of its own. @default false */
  readonly durable?: Durable | undefined;
}

const DEFAULT_MAX_SOCKETS = 50;

/**
 * Lambda Managed Instances run many invocations in one process, and each wants a connection.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-nodejs-runtime.html
 */
function defaultMaxSockets(): number {
  const concurrency = Number(process.env["AWS_LAMBDA_MAX_CONCURRENCY"]);
  return Number.isInteger(concurrency)
    ? Math.max(DEFAULT_MAX_SOCKETS, concurrency)
    : DEFAULT_MAX_SOCKETS;
}

/** `Model.CLAUDE_HAIKU_4_5`, which would bring every constant into the bundle. */
const DEFAULT_MODEL = "anthropic.claude-haiku-4-5-20251001-v1:0";

const checks = {
  ...callOptionChecks,
  region: check.matching(REGION, "an AWS Region such as eu-west-1"),
  inferenceProfile: check.oneOf("geographic", "global", "none"),
  client: check.object,
  clientConfig: check.object,
  maxSockets: check.positiveInteger,
  refusedOutputModes: check.recordOf(
    check.listOf("native", "tool", "auto-tool", "prompt"),
    "an object of lists of native, tool, auto-tool, prompt",
  ),
  durable: check.boolean,
};

/** @throws {ConfigurationError} naming the option that does not exist or has a wrong value. */
export function bedrockValidateOptions(options: unknown): void {
  validateOptions("bedrock", checks, options);
}

/**
 * Gives the handler's context model functions over Amazon Bedrock's Converse and ConverseStream.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong.
 * @example
 * export const handler = middy()
 *   .use(bedrock({ model: Model.CLAUDE_HAIKU_4_5 }))
 *   .handler(async (event, context) => context.invoke("Summarize:\n\n{text}", { text: event.text }));
 */
export function bedrock<const Durable extends boolean = false>(
  options: BedrockOptions<Durable> = {},
): Required<MiddyMiddleware<LambdaContext & WithLLM<Durable>>> {
  bedrockValidateOptions(options);
  const { client, clientConfig, region, inferenceProfile, ...rest } = options;
  const {
    maxSockets = defaultMaxSockets(),
    durable,
    refusedOutputModes: refused = {},
    ...call
  } = rest;
  presetRefusedModes(refused);
  if (client && (clientConfig ?? region ?? rest.maxSockets) !== undefined)
    throw new ConfigurationError(
      'bedrock: the option "client" brings its own settings: set region, clientConfig and maxSockets on it instead.',
    );
  const { system, model = DEFAULT_MODEL, ...settings } = call;
  return providerMiddleware<Durable>({
    durable,
    defaults: {
      ...settings,
      model,
      ...(system !== undefined && { system: systemBlocks(system) }),
    },
    provider: new BedrockProvider({
      region,
      inferenceProfile: inferenceProfile ?? "geographic",
      ownClient: client !== undefined,
      clientConfig,
      createTransport: (transportRegion) => {
        if (client) warnOfClientRetries("bedrock", client);
        return sdkTransport(
          client ??
            createClient({
              region: transportRegion,
              maxSockets,
              config: clientConfig,
            }),
        );
      },
    }),
  });
}

export default bedrock;
