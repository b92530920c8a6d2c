import {
  estimateTokens,
  type Tool,
  type ToolResultContent,
} from "@lambdallm/core";
import type { ToolOutcome } from "./result-blocks.ts";
import { resultText } from "./result-text.ts";

/** The tool that reads on in a result of which the model has got the beginning. */
export const READ_RESULT = "read_result";

export const readResultTool: Tool = {
  toolSpec: {
    name: READ_RESULT,
    description:
      "Reads on in the result of a tool that was too long to be shown as a whole.",
    inputSchema: {
      json: {
        type: "object",
        properties: {
          id: {
            type: "string",
            description: "The id that the result came with",
          },
          offset: {
            type: "integer",
            minimum: 0,
            description: "The character to begin with",
          },
        },
        required: ["id", "offset"],
      },
    },
  },
};

export interface ShownResult {
  /** What the model gets. */
  readonly content: readonly ToolResultContent[];
  /** All of the result's text, for {@link readResult}; left out where the model gets all of it. */
  readonly fullText?: string;
}

/**
 * The beginning of a result that is longer than so many tokens, by {@link estimateTokens}, and how to read on. Its texts and its
 * JSON are one text then; its files stay.
 *
 * The same result gives the same, so that a resumed run reads on where it was.
 *
 * @param id What the model is to call the result.
 */
export function shownResult(
  content: readonly ToolResultContent[],
  id: string,
  maxTokens: number,
): ShownResult {
  const fullText = content
    .map(resultText)
    .filter((text) => text !== undefined)
    .join("\n\n");
  if (estimateTokens(fullText) <= maxTokens) return { content };
  return {
    content: [
      ...piece(id, fullText, 0, maxTokens),
      ...content.filter((part) => resultText(part) === undefined),
    ],
    fullText,
  };
}

/**
 * Answers a call of `read_result`. What the model has got wrong it is told.
 *
 * @param fullTexts Those of {@link shownResult}, by their ids.
 */
export function readResult(
  fullTexts: ReadonlyMap<string, string>,
  input: unknown,
  maxTokens: number,
): ToolOutcome {
  const { id, offset = 0 }: Record<string, unknown> = { ...Object(input) };
  const text = fullTexts.get(String(id));
  if (text === undefined)
    return failed(
      `There is no result "${String(id).slice(0, 80)}" to read on in. There are: ${[...fullTexts.keys()].join(", ") || "none"}.`,
    );
  const start = Number(offset);
  if (!Number.isSafeInteger(start) || start < 0 || start >= text.length)
    return failed(
      `offset must be a whole number from 0 to ${text.length - 1}: the result has ${text.length} characters.`,
    );
  return {
    content: piece(String(id), text, start, maxTokens),
    status: "success",
  };
}

function failed(text: string): ToolOutcome {
  return { content: [{ text }], status: "error" };
}

function piece(
  id: string,
  text: string,
  offset: number,
  maxTokens: number,
): readonly ToolResultContent[] {
  const start = wholeUntil(text, offset);
  const end = endOf(text, start, maxTokens);
  const place = `Characters ${start} to ${end} of ${text.length}`;
  return [
    // A piece of blanks alone is no text that the service takes.
    { text: text.slice(start, end).trim() && text.slice(start, end) },
    {
      text:
        end < text.length
          ? `(${place}. Read on with ${READ_RESULT}(${JSON.stringify({ id, offset: end })}).)`
          : `(${place}: the end.)`,
    },
  ].filter((part) => part.text !== "");
}

/** The end of so many tokens, as `estimateTokens` counts them, and of a character at least. */
function endOf(text: string, start: number, maxTokens: number): number {
  let quarters = 4 * maxTokens;
  let end = start;
  while (end < text.length) {
    quarters -= text.charCodeAt(end) < 0x80 ? 1 : 4;
    if (quarters < 0) break;
    end += 1;
  }
  end = wholeUntil(text, end);
  return end > start ? end : Math.min(start + 2, text.length);
}

/** The place in front of a character of two units in whose middle this one is. */
function wholeUntil(text: string, index: number): number {
  const code = text.codePointAt(index - 1) ?? 0;
  return code > 0xffff ? index - 1 : index;
}
