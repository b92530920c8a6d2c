import {
  type ModelRequest,
  type ProviderResponse,
  splitHalf,
} from "@lambdallm/core/feature";
import { jsonText, textOfBlocks } from "./content-text.ts";
import type { ContentSettings } from "./options.ts";

/** Makes the texts of a record, each of which is redacted and then cut. */
type Texts = Readonly<Record<string, (() => string) | false>>;

/** What is recorded of prompts, answers and tools: nothing, unless the options ask for it. */
export class Content {
  readonly #settings: ContentSettings;
  readonly #onFailure: (error: unknown) => void;

  /** @param onFailure Told when content is left out because it could not be redacted. */
  constructor(settings: ContentSettings, onFailure: (error: unknown) => void) {
    this.#settings = settings;
    this.#onFailure = onFailure;
  }

  /** @param answered Undefined when there was nothing of an answer. */
  ofCall(
    { system = [], messages }: ModelRequest,
    answered: ProviderResponse | undefined,
  ): Readonly<Record<string, string>> {
    const { prompts, answers, tools } = this.#settings;
    return this.#redacted({
      systemPrompt: prompts && (() => textOfBlocks(system, tools)),
      prompt: prompts && (() => textOfBlocks(lastOf(messages), tools)),
      answer:
        answers && answered !== undefined && (() => answerOf(answered, tools)),
    });
  }

  /** @param content Of its result; undefined when it has none. */
  ofTool(
    input: unknown,
    content: readonly object[] = [],
  ): Readonly<Record<string, string>> {
    const { tools } = this.#settings;
    return this.#redacted({
      toolInput: tools && (() => jsonText(input)),
      toolResult: tools && (() => textOfBlocks(content, tools)),
    });
  }

  /** All of them, or none: what is not redacted is not recorded. */
  #redacted(texts: Texts): Readonly<Record<string, string>> {
    const fields: Record<string, string> = {};
    try {
      for (const [name, make] of Object.entries(texts)) {
        const text = make === false ? "" : make();
        if (text !== "") fields[name] = this.#shortened(text);
      }
      return fields;
    } catch (error) {
      this.#onFailure(error);
      return {};
    }
  }

  #shortened(text: string): string {
    const { redact, maxTextLength } = this.#settings;
    const redacted = redact(text);
    if (redacted.length <= maxTextLength) return redacted;
    const [whole] = splitHalf(redacted.slice(0, maxTextLength));
    return `${whole}…`;
  }
}

function answerOf(
  { output, message }: ProviderResponse,
  withTools: boolean,
): string {
  return output === undefined
    ? textOfBlocks(message.content, withTools)
    : (output.text ?? jsonText(output.value));
}

const lastOf = (messages: ModelRequest["messages"]) =>
  messages.slice(-1).flatMap(({ content }) => content);
