import type { Faults } from "./fault.ts";
import type { Quota } from "./quota.ts";
import type { RecordedRequest, Responder } from "./types.ts";

export interface StartBedrockOptions {
  /** 0 takes a free one. @default 0 */
  readonly port?: number;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** Answers the requests. @default {@link defaultResponder} */
  readonly respond?: Responder;
  /** What goes wrong, and when. @default nothing */
  readonly faults?: Faults;
  /**
   * Base URL of an API like OpenAI's, such as `http://127.0.0.1:11434/v1`. Requests are answered by it instead of
   * `respond`.
   */
  readonly upstream?: string;
  /** The model's name there. @default the model id of the request */
  readonly upstreamModel?: string;
  readonly upstreamApiKey?: string;
  /** Serves HTTPS with HTTP/2 and HTTP/1.1 by negotiation. @default HTTP, both versions on one port */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The account's quotas. @default none: nothing is refused because of the number of calls */
  readonly quota?: Quota;
  /**
   * Epoch milliseconds; decides which models are past their end of life, how far a quota has refilled, and which cached
   * prompts are still there. @default Date.now
   */
  readonly now?: () => number;
}

/** A running local Bedrock. */
export interface LocalBedrock extends AsyncDisposable {
  /** For `endpoint` of the client, or `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`. */
  readonly url: string;
  readonly port: number;
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** TCP connections so far. */
  readonly connections: number;
  /** Replaces the faults; an array counts from the next model request. */
  setFaults(faults: Faults): void;
  /** Forgets requests, connections, faults, cached prompts and what was used of the quota. Open connections stay open. */
  reset(): void;
  /** Destroys every connection and stops listening. */
  close(): Promise<void>;
}
