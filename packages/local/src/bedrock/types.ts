import type {
  ContentBlock,
  JsonValue,
  Message,
  SystemBlock,
  Tool,
  ToolChoice,
} from "@lambdallm/core";

/** The operations that the local service speaks. */
export type Operation =
  | "Converse"
  | "ConverseStream"
  | "InvokeModel"
  | "CountTokens";

export interface InferenceConfig {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly stopSequences?: readonly string[];
}

export interface ToolConfig {
  readonly tools: readonly Tool[];
  readonly toolChoice?: ToolChoice;
}

export interface OutputConfig {
  readonly textFormat?: {
    readonly type: string;
    readonly structure: {
      readonly jsonSchema: {
        /** JSON Schema as JSON text. */
        readonly schema: string;
        readonly name?: string;
        readonly description?: string;
      };
    };
  };
  readonly effort?: string;
}

/** A request for an answer, whatever operation and native body it came in. */
export interface BedrockRequest {
  readonly operation: Operation;
  readonly modelId: string;
  readonly messages: readonly Message[];
  readonly system: readonly SystemBlock[];
  readonly inferenceConfig: InferenceConfig;
  readonly toolConfig?: ToolConfig;
  readonly outputConfig?: OutputConfig;
  readonly streaming: boolean;
  /** The body as it came, parsed. */
  readonly body: unknown;
  /** Aborted when the client hangs up. */
  readonly signal: AbortSignal;
}

/** Tokens as they are reported to the client. */
export interface ReplyUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens?: number;
  readonly cacheReadInputTokens?: number;
  readonly cacheWriteInputTokens?: number;
  readonly cacheDetails?: readonly {
    readonly ttl: string;
    readonly inputTokens: number;
  }[];
}

/** An event of an answer stream: its `:event-type` and its payload. */
export interface StreamEvent {
  readonly type: string;
  readonly payload: unknown;
}

/** An answer in full. It is sent as it is: `maxTokens` and `stopSequences` do not apply to it. */
export interface ReplyObject {
  readonly content: readonly ContentBlock[];
  /** @default "tool_use" when the content calls a tool, else "end_turn" */
  readonly stopReason?: string;
  /** @default estimated from the texts; with cache points, cache reads and writes are counted for themselves */
  readonly usage?: ReplyUsage;
  /** The pieces in which the text is streamed. @default words */
  readonly chunks?: readonly string[];
  readonly additionalModelResponseFields?: JsonValue;
  readonly trace?: JsonValue;
  readonly metrics?: { readonly latencyMs: number };
  /**
   * Converse only: exactly this is sent as `output`. When a guardrail stops a request, the service has sent `{}`, and a
   * message without `content`.
   */
  readonly rawOutput?: unknown;
  /** Streams only: exactly these events are sent, and nothing else. */
  readonly rawEvents?: readonly StreamEvent[];
}

/**
 * What a responder returns: text, which is cut at `maxTokens` and at the stop sequences as a model's is, or an
 * answer in full.
 */
export type Reply = string | ReplyObject;

/** Answers a request. A {@link ServiceError} that it throws is sent to the client. */
export type Responder = (request: BedrockRequest) => Reply | Promise<Reply>;

/** How a request ended. */
export interface RequestEnd {
  /** True when the client hung up before the answer was complete. */
  readonly byClient: boolean;
  /** Stream events that had been sent by then. */
  readonly eventsSent: number;
}

/** A request as the local service saw it. */
export interface RecordedRequest {
  readonly method: string;
  /** The path as it came, percent-encoded. */
  readonly path: string;
  readonly operation: Operation | undefined;
  /** Decoded. */
  readonly modelId: string | undefined;
  /** Lower-case names; repeated headers are joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed; undefined when it is not JSON. */
  readonly body: unknown;
  readonly httpVersion: string;
  /** Number of the TCP connection, counted from 1. Requests with the same number shared it. */
  readonly connectionId: number;
  /** True once the client has hung up before the answer was complete. */
  readonly closedByClient: boolean;
  /** Stream events sent so far. */
  readonly eventsSent: number;
  /** Resolves when the answer is complete, was cut by a fault, or the client hung up. */
  readonly closed: Promise<RequestEnd>;
}
