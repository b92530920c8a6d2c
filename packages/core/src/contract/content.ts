/**
 * Messages and content blocks in the shapes of Amazon Bedrock's Converse API, so that whatever a model
 * answers can be sent back unchanged and a block kind that this version has never heard of survives the round trip.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
 */

/** Any JSON value. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** A file in S3 that the model service reads itself. */
export interface S3Location {
  readonly uri: string;
  readonly bucketOwner?: string;
}

export type MediaSource =
  | { readonly bytes: Uint8Array }
  | { readonly s3Location: S3Location };

export interface ImageBlock {
  readonly format: "png" | "jpeg" | "gif" | "webp" | (string & {});
  readonly source: MediaSource;
}

export interface DocumentBlock {
  /** Letters, digits, single spaces, hyphens, parentheses and square brackets only. */
  readonly name: string;
  readonly format?: string;
  readonly source:
    | MediaSource
    | { readonly text: string }
    | { readonly content: readonly { readonly text: string }[] };
  readonly context?: string;
  readonly citations?: { readonly enabled: boolean };
}

export interface VideoBlock {
  readonly format: string;
  readonly source: MediaSource;
}

export interface AudioBlock {
  readonly format: string;
  readonly source: MediaSource;
}

export interface ToolUseBlock {
  readonly toolUseId: string;
  readonly name: string;
  /** The arguments. A string when the model's JSON broke off and could not be parsed. */
  readonly input: JsonValue;
  readonly type?: string;
}

export interface SearchResultBlock {
  readonly source: string;
  readonly title: string;
  readonly content: readonly { readonly text: string }[];
  readonly citations?: { readonly enabled: boolean };
}

/** A member that this version does not know, as the AWS SDK hands it over: its name and its value. */
export interface UnknownBlock {
  readonly $unknown: readonly [name: string, value: unknown];
}

export type ToolResultContent =
  | { readonly json: JsonValue }
  | { readonly text: string }
  | { readonly image: ImageBlock }
  | { readonly document: DocumentBlock }
  | { readonly video: VideoBlock }
  | { readonly searchResult: SearchResultBlock }
  | UnknownBlock;

export interface ToolResultBlock {
  readonly toolUseId: string;
  readonly content: readonly ToolResultContent[];
  readonly status?: "success" | "error";
  readonly type?: string;
}

/** A model's thinking. Send it back exactly as it came, or leave it out. */
export type ReasoningBlock =
  | {
      readonly reasoningText: {
        readonly text: string;
        readonly signature?: string;
      };
    }
  | { readonly redactedContent: Uint8Array }
  | UnknownBlock;

/** Everything before this point may be cached by the service. */
export interface CachePoint {
  readonly type: "default";
  readonly ttl?: "5m" | "1h";
}

export type GuardContentBlock =
  | {
      readonly text: {
        readonly text: string;
        readonly qualifiers?: readonly string[];
      };
    }
  | { readonly image: ImageBlock }
  | UnknownBlock;

export interface CitationsContentBlock {
  readonly content?: readonly { readonly text: string }[];
  readonly citations?: readonly JsonValue[];
}

export interface ToolChangeBlock {
  readonly tool: {
    readonly type?: string;
    readonly name?: string;
    readonly serverName?: string;
  };
}

/** One part of a message: an object with exactly one key. */
export type ContentBlock =
  | { readonly text: string }
  | { readonly image: ImageBlock }
  | { readonly document: DocumentBlock }
  | { readonly video: VideoBlock }
  | { readonly audio: AudioBlock }
  | { readonly toolUse: ToolUseBlock }
  | { readonly toolResult: ToolResultBlock }
  | { readonly reasoningContent: ReasoningBlock }
  | { readonly cachePoint: CachePoint }
  | { readonly guardContent: GuardContentBlock }
  | { readonly citationsContent: CitationsContentBlock }
  | { readonly searchResult: SearchResultBlock }
  | { readonly toolAddition: ToolChangeBlock }
  | { readonly toolRemoval: ToolChangeBlock }
  | UnknownBlock;

export interface Message {
  /** `system` is taken by the newest Claude models only; `ModelRequest.system` works on more of them. */
  readonly role: "user" | "assistant" | "system";
  readonly content: readonly ContentBlock[];
}

export type SystemBlock =
  | { readonly text: string }
  | { readonly cachePoint: CachePoint }
  | { readonly guardContent: GuardContentBlock }
  | UnknownBlock;

export type Tool =
  | {
      readonly toolSpec: {
        readonly name: string;
        readonly description?: string;
        /** JSON Schema whose top is an object. */
        readonly inputSchema: { readonly json: JsonValue | object };
        readonly strict?: boolean;
      };
    }
  | { readonly systemTool: { readonly name: string } }
  | { readonly cachePoint: CachePoint }
  | UnknownBlock;

export type ToolChoice =
  | { readonly auto: Record<string, never> }
  | { readonly any: Record<string, never> }
  | { readonly tool: { readonly name: string } };

/** The text of a message: its text and cited blocks, joined; reasoning and tool blocks are left out. */
export function textOf(content: readonly ContentBlock[]): string {
  let text = "";
  for (const block of content) {
    if ("text" in block) text += block.text;
    else if ("citationsContent" in block)
      for (const part of block.citationsContent.content ?? [])
        text += part.text;
  }
  return text;
}
