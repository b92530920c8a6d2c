import type {
  ConverseCommandInput,
  ConverseCommandOutput,
  ConverseStreamCommandInput,
  ConverseStreamOutput,
  CountTokensCommandInput,
} from "@aws-sdk/client-bedrock-runtime";
import type { Sending } from "@lambdallm/core/feature";

/** What a request became on the wire, as far as the service told. */
export interface ResponseFacts {
  readonly requestId?: string | undefined;
}

/**
 * The one seam to the service, in its own JSON shapes. Everything above it works with any implementation; errors carry
 * the service's `name` and, where there was a response, `$metadata` and `$response`.
 */
export interface Transport {
  converse(
    input: ConverseCommandInput,
    signal: AbortSignal,
  ): Promise<Partial<Omit<ConverseCommandOutput, "$metadata">> & ResponseFacts>;
  /** Resolves when the service has accepted the request; the events follow. */
  converseStream(
    input: ConverseStreamCommandInput,
    signal: AbortSignal,
  ): Promise<
    { readonly events: AsyncIterable<ConverseStreamOutput> } & ResponseFacts
  >;
  countTokens(
    input: CountTokensCommandInput,
    signal: AbortSignal,
  ): Promise<number>;
  /**
   * Tells `sending` what becomes of the request that will be sent with this signal.
   *
   * @returns False where it cannot: then nobody knows whether something was sent.
   */
  follow(signal: AbortSignal, sending: Sending): boolean;
  /** The Region that requests go to. */
  region(): Promise<string>;
  /** The client itself, for whoever asks for it. */
  readonly client: unknown;
}
