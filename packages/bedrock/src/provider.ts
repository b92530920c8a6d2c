import type { BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime";
import {
  ConfigurationError,
  findModel,
  InvocationTimeoutError,
} from "@lambdallm/core";
import {
  arnRegion,
  type ModelRequest,
  type Provider,
  type ProviderObserver,
  type ProviderResponse,
} from "@lambdallm/core/feature";
import { Attempt } from "./attempt.ts";
import { endpointOf } from "./endpoint.ts";
import { toModelError } from "./failure.ts";
import { sendFitting } from "./fit-max-tokens.ts";
import { interruptible } from "./interruptible.ts";
import { callWithOutput } from "./output/call-with-output.ts";
import { hasOutput } from "./output/request-output.ts";
import { compile } from "./request/compile.ts";
import {
  environmentRegion,
  type InferenceProfile,
  resolveTarget,
  type Target,
} from "./target.ts";
import type { Transport } from "./transport.ts";

export interface BedrockProviderOptions {
  readonly region: string | undefined;
  readonly inferenceProfile: InferenceProfile;
  /** The caller brought the client: its Region is the one. */
  readonly ownClient: boolean;
  readonly clientConfig: BedrockRuntimeClientConfig | undefined;
  /** Called once for each Region. */
  readonly createTransport: (region: string | undefined) => Transport;
}

const SERVICES: readonly string[] = ["bedrock-runtime", "bedrock"];

/** Calls models over Converse and ConverseStream. */
export class BedrockProvider implements Provider {
  readonly name = "bedrock";
  readonly #options: BedrockProviderOptions;
  readonly #transports = new Map<string | undefined, Transport>();

  #region: string | undefined;

  constructor(options: BedrockProviderOptions) {
    this.#options = options;
  }

  get region(): string | undefined {
    return this.#configuredRegion();
  }

  endpoint(model: string): string | undefined {
    const { ownClient, clientConfig } = this.#options;
    if (ownClient) return undefined;
    const region = arnRegion(model) ?? this.#configuredRegion();
    return endpointOf(region, clientConfig);
  }

  async call(
    request: ModelRequest,
    observer?: ProviderObserver,
  ): Promise<ProviderResponse> {
    const target = await this.#target(request.model);
    const transport = this.#transport(target.region);
    const sendOnce = (worded: ModelRequest) => {
      const attempt = new Attempt(worded, target, transport, observer);
      return worded.onDelta
        ? attempt.stream(worded.onDelta)
        : attempt.converse();
    };
    const send = (worded: ModelRequest) =>
      sendFitting(worded, sendOnce, observer);
    return hasOutput(request)
      ? callWithOutput(request, target, send)
      : send(request);
  }

  async countTokens(request: ModelRequest): Promise<number> {
    const { modelId, region } = await this.#target(request.model);
    const info = findModel(modelId);
    // The operation takes the bare foundation model only.
    const model = info?.id ?? modelId;
    const { messages, system, toolConfig, additionalModelRequestFields } =
      compile(request, model, info).input;
    const converse = {
      messages,
      system,
      toolConfig,
      additionalModelRequestFields,
    };
    return interruptible(
      request,
      (signal) =>
        this.#transport(region).countTokens(
          { modelId: model, input: { converse } },
          signal,
        ),
      (error, { timedOut, aborted }) => {
        if (timedOut)
          throw new InvocationTimeoutError(
            "The time was over before the tokens were counted.",
          );
        throw toModelError(error, { model, region, aborted });
      },
    );
  }

  rawClient(service = SERVICES[0]): unknown {
    if (!SERVICES.includes(String(service)))
      throw new ConfigurationError(
        `There is no client for "${service}" here, only for ${SERVICES[0]}.`,
      );
    return this.#transport(this.#configuredRegion()).client;
  }

  #configuredRegion(): string | undefined {
    const { region, ownClient } = this.#options;
    if (ownClient) return undefined;
    // Lambda's environment does not change.
    this.#region ??= region ?? environmentRegion();
    return this.#region;
  }

  async #target(model: string): Promise<Target> {
    const { inferenceProfile } = this.#options;
    const configured = this.#configuredRegion();
    const region = configured ?? (await this.#clientRegion());
    const target = resolveTarget(model, region, inferenceProfile);
    // A client of the caller's own has one Region, also for the ARNs of others.
    return this.#options.ownClient ? { ...target, region } : target;
  }

  /** A client of the caller's own, or a profile of the AWS configuration, knows its Region itself. */
  async #clientRegion(): Promise<string> {
    try {
      const transport = this.#transport(undefined);
      const region = await transport.region();
      this.#transports.set(region, transport);
      return region;
    } catch (cause) {
      throw new ConfigurationError(
        "No AWS Region is configured: set AWS_REGION, or bedrock({ region }).",
        { cause },
      );
    }
  }

  #transport(region: string | undefined): Transport {
    const key = this.#options.ownClient ? undefined : region;
    const present = this.#transports.get(key);
    if (present !== undefined) return present;
    const transport = this.#options.createTransport(key);
    this.#transports.set(key, transport);
    return transport;
  }
}
