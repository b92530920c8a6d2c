import type {
  JsonValue,
  Message,
  SystemBlock,
  Tool,
  ToolChoice,
} from "./content.ts";

/** A piece of an answer while it is being written. */
export type Delta =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "reasoning"; readonly text: string }
  /** JSON text of an answer that `ModelRequest.output` asked for, however the model was made to write it. */
  | { readonly kind: "output"; readonly text: string }
  | {
      readonly kind: "tool";
      readonly toolUseId: string;
      readonly name: string;
      /** A piece of the arguments' JSON text; empty when the tool call begins. */
      readonly input: string;
    };

export type DeltaKind = Delta["kind"];

/** The shape that an answer has to have. */
export interface OutputFormat {
  /** JSON Schema 2020-12. */
  readonly schema: object;
  /** Letters, digits, `_` and `-`. @default "answer" */
  readonly name?: string;
}

/**
 * How a model was made to answer in a shape: by the service's own constrained decoding, by a tool that it had to call, by a
 * tool that it was asked to call, or by the schema in the prompt.
 */
export type OutputMode = "native" | "tool" | "auto-tool" | "prompt";

/** An answer to `ModelRequest.output`. It is not validated here. */
export interface Output {
  readonly mode: OutputMode;
  /** What the model wrote; left out where it came as a value, as the input of a tool does. */
  readonly text?: string;
  /** The JSON value in it; left out when there is none. */
  readonly value?: unknown;
}

/** Settings of Amazon Bedrock that have no counterpart elsewhere; sent as they are. */
export interface BedrockSettings {
  readonly guardrailConfig?: {
    readonly guardrailIdentifier?: string;
    readonly guardrailVersion?: string;
    readonly trace?: "enabled" | "disabled" | "enabled_full";
    /** Streams only. */
    readonly streamProcessingMode?: "sync" | "async";
  };
  readonly serviceTier?: {
    readonly type: "default" | "priority" | "flex" | "reserved" | (string & {});
  };
  readonly performanceConfig?: { readonly latency?: "standard" | "optimized" };
  readonly requestMetadata?: Readonly<Record<string, string>>;
  readonly promptVariables?: Readonly<
    Record<string, { readonly text: string }>
  >;
  readonly additionalModelRequestFields?: JsonValue;
  readonly additionalModelResponseFieldPaths?: readonly string[];
  readonly outputConfig?: { readonly [name: string]: JsonValue };
}

/** What observers are told of a conversation. */
export interface ConversationInfo {
  readonly id: string;
  /** A summary stands in the place of a part of it. */
  readonly isCompacted?: boolean;
}

/** What the caller wants from a model: intent, which the provider compiles for the model at hand. */
export interface ModelRequest {
  /** A model id, an inference profile id, or an ARN. */
  readonly model: string;
  readonly messages: readonly Message[];
  readonly system?: readonly SystemBlock[];
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly stopSequences?: readonly string[];
  readonly tools?: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  /**
   * Settings that give way: used where the request says nothing of its own and the model takes them. Without
   * `maxTokens` here either, an answer has room for 4,096 tokens.
   */
  readonly defaults?: {
    readonly maxTokens?: number;
    readonly temperature?: number;
  };
  /** Asks for an answer in a shape; the provider finds the best way that the model offers. */
  readonly output?: OutputFormat;
  readonly bedrock?: BedrockSettings;
  /** Names the call in events, logs and the service's invocation logs. */
  readonly tags?: Readonly<Record<string, string>>;
  /** The conversation that the call is a turn of, for observers; it is not sent. */
  readonly conversation?: ConversationInfo;
  /**
   * Epoch milliseconds. At this moment the provider stops and resolves with what it has and
   * `stopReason: "timeout"`. Interceptors may only tighten it.
   */
  readonly deadline?: number;
  /** Aborts the call, which then rejects. */
  readonly signal?: AbortSignal;
  /** Sees the answer grow. Synchronous and never awaited; what it throws ends the call and reaches the caller as it is. */
  readonly onDelta?: (delta: Delta) => void;
  /** The kinds `onDelta` is called for; once the caller has seen one, the call is not retried. @default all */
  readonly deltas?: readonly DeltaKind[];
  /**
   * Streams only: called for every event of the service, also for those that are no delta, such as hidden reasoning,
   * citations and the start of a block. Synchronous and never awaited.
   */
  readonly onActivity?: () => void;
  /** Sees the response of the call, whatever its stop reason. What it throws reaches the caller as it is. */
  readonly onResponse?: (response: ModelResponse) => void;
}

/** Tokens of one or more attempts. `inputTokens` excludes cache reads and writes, as Bedrock reports them. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly cacheReadInputTokens: number;
  readonly cacheWriteInputTokens: number;
  /** Cache writes by time to live, when the service tells. */
  readonly cacheDetails?: readonly {
    readonly ttl: string;
    readonly inputTokens: number;
  }[];
  /** True when the service did not report the usage and it was estimated from the text. */
  readonly estimated?: true;
}

/** Those of the service, and this library's own. */
export type KnownStopReason =
  | "end_turn"
  | "tool_use"
  | "max_tokens"
  | "stop_sequence"
  | "guardrail_intervened"
  | "content_filtered"
  | "malformed_model_output"
  | "malformed_tool_use"
  | "model_context_window_exceeded"
  /** The deadline came first: `message` holds what had arrived. */
  | "timeout";

/** An open set: models and services may have reasons of their own. */
export type StopReason = KnownStopReason | (string & {});

/** Something that the caller asked for and that a model does not take, and what was sent instead. */
export interface Adaptation {
  /** Where it stands in the request, such as `temperature` or `messages[2].content[0]`. */
  readonly setting: string;
  readonly change: "left-out" | "changed";
  /** Why, in words that quote nothing of the request. */
  readonly reason: string;
}

/** What a provider tells about an attempt while it is made. */
export interface ProviderObserver {
  /** The request was sent with these changes. */
  readonly onAdapted: (adaptations: readonly Adaptation[]) => void;
  /** The request has to wait for a free connection (true), or has got one after it had to (false). */
  readonly onQueue?: (isWaiting: boolean) => void;
}

/** What a provider answers; the invocation adds the cost and the number of attempts. */
export interface ProviderResponse {
  readonly message: Message;
  /** The text blocks of `message`, joined. */
  readonly text: string;
  /** With `ModelRequest.output`: left out when the model called one of the caller's tools instead. */
  readonly output?: Output;
  readonly stopReason: StopReason;
  readonly usage: Usage;
  /** The id the request was sent to, profile prefix included. */
  readonly model: string;
  readonly region?: string;
  /** From sending the request to its end, as seen by the caller. */
  readonly latencyMs: number;
  /** Streams only: from sending the request to the first delta. */
  readonly timeToFirstTokenMs?: number;
  readonly requestId?: string;
  readonly serviceTier?: string;
  /** What else the service said: trace, metrics, additional response fields. */
  readonly bedrock?: Readonly<Record<string, unknown>>;
}

export interface ModelResponse extends ProviderResponse {
  /** What features decided about the call, such as the router's choice and its reason. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Cost of the attempt that answered, in USD; undefined when the model's price is unknown. */
  readonly costUsd: number | undefined;
  /** How many attempts the call took. */
  readonly attempts: number;
  /**
   * What the caller should know of the answer, in words: that it was cut by the default of `maxTokens`, which the call did
   * not choose.
   */
  readonly hint?: string;
}

export type CallModel = (request: ModelRequest) => Promise<ModelResponse>;

/** What an interceptor is told beside the request. */
export interface CallInfo {
  /** The call's number in its invocation, as in the events. */
  readonly callId: number;
  /** The caller has seen a piece of an answer, which cannot be taken back. */
  readonly hasBegun: boolean;
  /** What the caller's `onDelta` has thrown: anything. That is the caller's, not the model's. */
  readonly thrown?: { readonly error: unknown } | undefined;
}

/** A function around a model call. Returns new objects; never mutates. */
export type Interceptor = (
  request: ModelRequest,
  next: CallModel,
  call: CallInfo,
) => Promise<ModelResponse>;

/**
 * Where an interceptor sits: around the call, around its retries (one interceptor only), where an attempt's time and
 * tokens are limited, or around each attempt as it is sent. Within a stage the first one added is the outermost.
 */
export type Stage = "call" | "retry" | "limit" | "attempt";

/** Left out and undefined mean the same in what callers give. */
export type Given<T> = { readonly [Key in keyof T]?: T[Key] | undefined };

/** What talks to a model service. */
export interface Provider {
  readonly name: string;
  /** Where it calls models, when it knows that without asking. */
  readonly region?: string | undefined;
  /** The URL that calls of a model are sent to, when it is known without asking; for observers. */
  endpoint?(model: string): string | undefined;
  call(
    request: ModelRequest,
    observer?: ProviderObserver,
  ): Promise<ProviderResponse>;
  /** The exact number of input tokens, as the service counts them. */
  countTokens?(request: ModelRequest): Promise<number>;
  /** The client in use, for calls that this suite does not cover. */
  rawClient?(service?: string): unknown;
}

/** Tokens without a cache. */
export function usageOf(inputTokens: number, outputTokens: number): Usage {
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    cacheReadInputTokens: 0,
    cacheWriteInputTokens: 0,
  };
}

export const ZERO_USAGE: Usage = usageOf(0, 0);
