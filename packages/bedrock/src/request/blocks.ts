import {
  ConfigurationError,
  type ContentBlock,
  type DocumentBlock,
  type ImageBlock,
  type JsonValue,
  type ModelInfo,
  type ToolResultBlock,
  type ToolResultContent,
  type ToolUseBlock,
} from "@lambdallm/core";
import { isClaude, isNova, isObject } from "@lambdallm/core/feature";
import type { Changes } from "./changes.ts";
import { documentNames, fittingName, toolUseIds } from "./names.ts";

/** The union members that the AWS SDK serialises; it drops any other in silence, unless it is marked as `$unknown`. */
const KNOWN_BLOCKS = new Set([
  "text",
  "image",
  "document",
  "video",
  "audio",
  "toolUse",
  "toolResult",
  "reasoningContent",
  "cachePoint",
  "guardContent",
  "citationsContent",
  "searchResult",
  "toolAddition",
  "toolRemoval",
]);

const BLOCK_NAME = /^\w{1,64}$/;

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html */
const MOST_DOCUMENTS = 5;

/** Stands for the result of a tool that has nothing to say: the service takes no empty one. */
const NO_OUTPUT = "(no output)";

/** Stands for the status of a result. */
const FAILED = "(The tool failed.)";

interface Circumstances {
  /** Undefined for a model that may do everything, as nobody knows it. */
  readonly info: ModelInfo | undefined;
  readonly changes: Changes;
}

/** What one request knows of its blocks: the ids and names that are taken, the tools whose arguments are wrapped. */
export class Blocks {
  readonly #changes: Changes;
  readonly #wrapInput: (tool: string, input: JsonValue) => JsonValue;
  readonly #takesStatus: boolean;
  readonly #ids = toolUseIds();
  readonly #documents = documentNames();
  #documentCount = 0;

  constructor(
    { info, changes }: Circumstances,
    wrapInput: (tool: string, input: JsonValue) => JsonValue,
  ) {
    this.#changes = changes;
    this.#wrapInput = wrapInput;
    // https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolResultBlock.html: only these do.
    this.#takesStatus =
      info === undefined || isClaude(info.id) || isNova(info.id);
  }

  /** Ids and names that are good as they are keep theirs, wherever the others stand. */
  reserve(blocks: readonly ContentBlock[]): void {
    for (const block of blocks)
      if ("toolUse" in block) this.#ids.reserve(block.toolUse.toolUseId);
  }

  /** The block as the service takes it. */
  compile(block: ContentBlock, place: string): ContentBlock {
    if ("toolUse" in block)
      return { toolUse: this.#toolUse(block.toolUse, place) };
    if ("toolResult" in block)
      return { toolResult: this.#toolResult(block.toolResult, place) };
    if ("document" in block)
      return { document: this.#document(block.document, place) };
    if ("image" in block) return { image: imageOf(block.image) };
    if ("reasoningContent" in block) return withText(block);
    return wellFormed(block, place);
  }

  #toolUse(use: ToolUseBlock, place: string): ToolUseBlock {
    const toolUseId = this.#ids.of(use.toolUseId);
    const name = fittingName(use.name);
    if (toolUseId !== use.toolUseId)
      this.#changes.changed(`${place}.toolUse.toolUseId`, ID_RULE);
    if (name !== use.name)
      this.#changes.changed(`${place}.toolUse.name`, ID_RULE);
    return { ...use, toolUseId, name, input: this.#input(use, name, place) };
  }

  #input({ input }: ToolUseBlock, name: string, place: string): JsonValue {
    const wrapped = this.#wrapInput(name, input);
    if (isObject(wrapped)) return wrapped;
    // Arguments that broke off are text, and would refuse the whole conversation.
    this.#changes.changed(
      `${place}.toolUse.input`,
      "the service takes an object only",
    );
    return {
      invalid: typeof input === "string" ? input : JSON.stringify(input),
    };
  }

  #toolResult(result: ToolResultBlock, place: string): ToolResultBlock {
    const toolUseId = this.#ids.of(result.toolUseId);
    if (toolUseId !== result.toolUseId)
      this.#changes.changed(`${place}.toolResult.toolUseId`, ID_RULE);
    const content = result.content.flatMap((part, index) =>
      this.#resultPart(part, `${place}.toolResult.content[${index}]`),
    );
    if (content.length === 0) {
      this.#changes.changed(
        `${place}.toolResult.content`,
        "the service takes no empty result",
      );
      content.push({ text: NO_OUTPUT });
    }
    const { status, ...rest } = { ...result, toolUseId, content };
    if (this.#takesStatus || status === undefined)
      return { ...result, toolUseId, content };
    if (status === "success") return rest;
    this.#changes.changed(
      `${place}.toolResult.status`,
      "the model takes none: it is said in words",
    );
    return { ...rest, content: [{ text: FAILED }, ...content] };
  }

  #resultPart(part: ToolResultContent, place: string): ToolResultContent[] {
    if ("json" in part) {
      if (isObject(part.json)) return [part];
      this.#changes.changed(
        `${place}.json`,
        "the service takes an object only: it is sent as text",
      );
      return [{ text: JSON.stringify(part.json) }];
    }
    if ("text" in part && part.text.trim() === "") {
      this.#changes.leftOut(place, "the service takes no blank text");
      return [];
    }
    // Of the kinds that a result can hold, these are content blocks as well.
    return [this.compile(part, place) as ToolResultContent];
  }

  #document(document: DocumentBlock, place: string): DocumentBlock {
    this.#documentCount += 1;
    if (this.#documentCount > MOST_DOCUMENTS)
      throw new ConfigurationError(
        `${place} is one document too many: a request takes ${MOST_DOCUMENTS} at most, those of the history included.`,
      );
    const name = this.#documents.another(document.name);
    if (name !== document.name)
      this.#changes.changed(
        `${place}.document.name`,
        "the service takes letters, digits, single spaces, hyphens, parentheses and brackets, and no name twice",
      );
    return { ...document, name };
  }
}

const ID_RULE = "the service takes letters, digits, _ and - only";

function imageOf(image: ImageBlock): ImageBlock {
  // Its everyday spelling; the service knows the other.
  return image.format === "jpg" ? { ...image, format: "jpeg" } : image;
}

/** A model can sign a thought that it does not show. The service wants the text all the same. */
function withText(
  block: ContentBlock & { readonly reasoningContent: object },
): ContentBlock {
  const { reasoningContent: reasoning } = block;
  if (!("reasoningText" in reasoning)) return block;
  const { text } = Object(reasoning.reasoningText);
  if (typeof text === "string") return block;
  return {
    reasoningContent: {
      reasoningText: { ...Object(reasoning.reasoningText), text: "" },
    },
  };
}

/** A lone surrogate has no UTF-8 form, and the service refuses it; an unknown member has to be marked for the SDK. */
export function wellFormed<T extends object>(block: T, place: string): T {
  if ("text" in block && typeof block.text === "string")
    return block.text.isWellFormed()
      ? block
      : { ...block, text: block.text.toWellFormed() };
  const [key] = Object.keys(block);
  if (key === undefined || KNOWN_BLOCKS.has(key)) return block;
  const unknown: unknown = Reflect.get(block, key);
  const marked: unknown = key === "$unknown" ? unknown : [key, unknown];
  // The SDK writes the name into the request's JSON as it is.
  if (!Array.isArray(marked) || !BLOCK_NAME.test(String(marked[0])))
    throw new ConfigurationError(
      `${place} has a name that no block can have: it must be made of letters and digits.`,
    );
  return { $unknown: marked } as unknown as T;
}
