import type {
  ContentBlockDelta,
  ContentBlockStart,
  ConverseStreamMetadataEvent,
  ConverseStreamOutput,
  MessageStopEvent,
  ToolResultBlockDelta,
} from "@aws-sdk/client-bedrock-runtime";
import type { ContentBlock, Delta, JsonValue, Message } from "@lambdallm/core";
import { UnwrappedPieces } from "./output/unwrapped-pieces.ts";
import { toolName } from "./request/names.ts";
import type { Tools } from "./request/tools.ts";

/** A content block while its pieces arrive. Only tool and image blocks have a start. */
interface OpenBlock {
  readonly start: ContentBlockStart | undefined;
  text: string;
  toolInput: string;
  /** Of a tool whose arguments are wrapped. */
  readonly pieces: UnwrappedPieces | undefined;
  reasoning: string;
  signature: string;
  redacted: Uint8Array[];
  imageBytes: Uint8Array[];
  imageRest: object;
  citations: unknown[];
  toolResult: ToolResultBlockDelta[];
  /** Kinds of deltas that this version does not know, kept as they came. */
  unknown: (readonly [string, unknown])[];
}

const openBlock = (
  start?: ContentBlockStart,
  pieces?: UnwrappedPieces,
): OpenBlock => ({
  start,
  text: "",
  toolInput: "",
  pieces,
  reasoning: "",
  signature: "",
  redacted: [],
  imageBytes: [],
  imageRest: {},
  citations: [],
  toolResult: [],
  unknown: [],
});

/** Builds the message from the events of a stream, in the shapes that Converse would have answered with. */
export class StreamReader {
  /** Set by `messageStop`: a stream that ends before is not complete. */
  messageStop: MessageStopEvent | undefined;
  /** The last event, with the usage. */
  metadata: ConverseStreamMetadataEvent | undefined;

  #role: Message["role"] = "assistant";
  readonly #blocks = new Map<number, OpenBlock>();
  readonly #tools: Pick<Tools, "isWrapped" | "unwrapInput">;
  readonly #onDelta: (delta: Delta) => void;

  constructor(
    tools: Pick<Tools, "isWrapped" | "unwrapInput">,
    onDelta: (delta: Delta) => void,
  ) {
    this.#tools = tools;
    this.#onDelta = onDelta;
  }

  read(event: ConverseStreamOutput): void {
    if (event.contentBlockDelta?.delta) {
      const { contentBlockIndex = 0, delta } = event.contentBlockDelta;
      this.#delta(contentBlockIndex, delta);
    } else if (event.contentBlockStart) {
      const { contentBlockIndex = 0, start } = event.contentBlockStart;
      this.#start(contentBlockIndex, start);
    } else if (event.contentBlockStop) {
      // Of a text without a piece its end is all that comes.
      const { contentBlockIndex = 0 } = event.contentBlockStop;
      if (!this.#blocks.has(contentBlockIndex))
        this.#blocks.set(contentBlockIndex, openBlock());
    } else if (event.messageStart) {
      this.#role = event.messageStart.role ?? this.#role;
    } else if (event.messageStop) this.messageStop = event.messageStop;
    else if (event.metadata) this.metadata = event.metadata;
  }

  #start(index: number, start: ContentBlockStart | undefined): void {
    if (start?.toolUse === undefined) {
      this.#blocks.set(index, openBlock(start));
      return;
    }
    const { toolUseId = "", name: written = "" } = start.toolUse;
    const name = toolName(written);
    const pieces = this.#tools.isWrapped(name)
      ? new UnwrappedPieces()
      : undefined;
    const toolUse = { ...start.toolUse, name };
    this.#blocks.set(index, openBlock({ ...start, toolUse }, pieces));
    this.#onDelta({ kind: "tool", toolUseId, name, input: "" });
  }

  #delta(index: number, delta: ContentBlockDelta): void {
    const block = this.#blocks.get(index) ?? openBlock();
    this.#blocks.set(index, block);
    if (delta.text !== undefined) {
      block.text += delta.text;
      this.#onDelta({ kind: "text", text: delta.text });
    } else if (delta.toolUse) {
      const { input = "" } = delta.toolUse;
      const { toolUseId = "", name = "" } = block.start?.toolUse ?? {};
      block.toolInput += input;
      const shown = block.pieces?.push(input) ?? input;
      this.#onDelta({ kind: "tool", toolUseId, name, input: shown });
    } else if (delta.reasoningContent) {
      const { text, signature, redactedContent, $unknown } =
        delta.reasoningContent;
      block.signature += signature ?? "";
      if (redactedContent) block.redacted.push(redactedContent);
      if ($unknown) block.unknown.push(["reasoningContent", { $unknown }]);
      if (text === undefined) return;
      block.reasoning += text;
      this.#onDelta({ kind: "reasoning", text });
    } else if (delta.citation) block.citations.push(delta.citation);
    else if (delta.toolResult) block.toolResult.push(...delta.toolResult);
    else if (delta.image) {
      const { source, ...rest } = delta.image;
      if (source?.bytes) block.imageBytes.push(source.bytes);
      block.imageRest = {
        ...block.imageRest,
        ...rest,
        ...(source && !source.bytes && { source }),
      };
    } else if (delta.$unknown) block.unknown.push(delta.$unknown);
  }

  /** What has arrived so far. */
  get message(): Message {
    const content = [...this.#blocks.entries()]
      .sort(([a], [b]) => a - b)
      .flatMap(([, block]) => this.#contentOf(block));
    return { role: this.#role, content };
  }

  #contentOf(block: OpenBlock): ContentBlock[] {
    const toolUse = block.start?.toolUse;
    if (toolUse === undefined) return contentOf(block);
    const written = parseInput(block.toolInput);
    const input = this.#tools.unwrapInput(String(toolUse.name), written);
    // In the shape of ContentBlock; the SDK types its fields with `| undefined`.
    return [{ toolUse: { ...toolUse, input } } as ContentBlock];
  }
}

function contentOf(block: OpenBlock): ContentBlock[] {
  const content: object[] = [];
  const { start } = block;
  if (start?.toolResult)
    content.push({
      toolResult: {
        ...start.toolResult,
        content: joinTexts(block.toolResult),
      },
    });
  else if (start?.image)
    content.push({
      image: {
        ...start.image,
        ...(block.imageBytes.length > 0 && {
          source: { bytes: concatenate(block.imageBytes) },
        }),
        ...block.imageRest,
      },
    });
  else if (start?.$unknown) content.push({ $unknown: start.$unknown });

  const { reasoning, signature, redacted, citations, text } = block;
  if (reasoning !== "" || signature !== "")
    content.push({
      reasoningContent: {
        reasoningText: { text: reasoning, ...(signature && { signature }) },
      },
    });
  if (redacted.length > 0)
    content.push({
      reasoningContent: { redactedContent: concatenate(redacted) },
    });
  if (citations.length > 0)
    content.push({ citationsContent: { content: [{ text }], citations } });
  // A block without anything in it is an empty text, as in an answer that is not streamed.
  else if (text !== "" || (content.length === 0 && block.unknown.length === 0))
    content.push({ text });
  for (const [name, value] of block.unknown)
    content.push(
      name === "reasoningContent"
        ? { reasoningContent: value }
        : { $unknown: [name, value] },
    );
  // Assembled above in the shapes of ContentBlock, from parts that the SDK types with `| undefined`.
  return content as ContentBlock[];
}

/** Arguments whose JSON broke off stay text: nothing of them is lost, and nobody takes them for whole. */
function parseInput(json: string): JsonValue {
  if (json === "") return {};
  try {
    return JSON.parse(json) as JsonValue;
  } catch {
    return json;
  }
}

function joinTexts(deltas: readonly ToolResultBlockDelta[]): object[] {
  const content: object[] = [];
  let text = "";
  const flush = () => {
    if (text !== "") content.push({ text });
    text = "";
  };
  for (const delta of deltas)
    if (delta.text !== undefined) text += delta.text;
    else {
      flush();
      content.push(delta);
    }
  flush();
  return content;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
