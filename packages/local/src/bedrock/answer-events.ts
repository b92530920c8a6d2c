import type { ContentBlock, ReasoningBlock } from "@lambdallm/core";
import { defined } from "../json.ts";
import type { Answer } from "./answer.ts";
import { wordsOf } from "./cut.ts";
import type { StreamEvent } from "./types.ts";

/** An answer as the events of a stream, in the order and shapes of the service. */
export function* eventsOf(
  answer: Answer,
  metadata: object,
): Generator<StreamEvent, void> {
  if (answer.rawEvents !== undefined) {
    yield* answer.rawEvents;
    return;
  }
  yield { type: "messageStart", payload: { role: "assistant" } };
  let isFirstText = true;
  for (const [contentBlockIndex, block] of answer.content.entries()) {
    let chunks: readonly string[] | undefined;
    if ("text" in block && isFirstText) {
      chunks = answer.chunks;
      isFirstText = false;
    }
    yield* blockEvents(contentBlockIndex, block, chunks);
  }
  yield stopEvent(answer);
  yield {
    type: "metadata",
    payload: defined({ usage: answer.usage, ...metadata }),
  };
}

export function stopEvent(
  answer: Pick<Answer, "stopReason" | "additionalModelResponseFields">,
): StreamEvent {
  return {
    type: "messageStop",
    payload: defined({
      stopReason: answer.stopReason,
      additionalModelResponseFields: answer.additionalModelResponseFields,
    }),
  };
}

function* blockEvents(
  contentBlockIndex: number,
  block: ContentBlock,
  chunks: readonly string[] | undefined,
): Generator<StreamEvent, void> {
  const start = startOf(block);
  if (start !== undefined)
    yield { type: "contentBlockStart", payload: { contentBlockIndex, start } };
  for (const delta of deltasOf(block, chunks))
    yield { type: "contentBlockDelta", payload: { contentBlockIndex, delta } };
  yield { type: "contentBlockStop", payload: { contentBlockIndex } };
}

/** Text and reasoning blocks have no start event. */
function startOf(block: ContentBlock): object | undefined {
  if ("toolUse" in block) {
    const { toolUseId, name, type } = block.toolUse;
    return { toolUse: defined({ toolUseId, name, type }) };
  }
  if ("image" in block) return { image: { format: block.image.format } };
  return undefined;
}

function deltasOf(
  block: ContentBlock,
  chunks: readonly string[] | undefined,
): readonly unknown[] {
  if ("text" in block)
    return (chunks ?? wordsOf(block.text)).map((text) => ({ text }));
  if ("toolUse" in block)
    return inputPieces(block.toolUse.input).map((input) => ({
      toolUse: { input },
    }));
  if ("reasoningContent" in block)
    return reasoningDeltas(block.reasoningContent);
  if ("citationsContent" in block)
    return [
      ...(block.citationsContent.content ?? []),
      ...(block.citationsContent.citations ?? []).map((citation) => ({
        citation,
      })),
    ];
  if ("image" in block) return [{ image: { source: block.image.source } }];
  return [block];
}

function reasoningDeltas(reasoning: ReasoningBlock): readonly unknown[] {
  if (!("reasoningText" in reasoning)) return [{ reasoningContent: reasoning }];
  const { text: thought, signature } = reasoning.reasoningText;
  return [
    ...wordsOf(thought).map((text) => ({
      reasoningContent: { text },
    })),
    ...(signature === undefined ? [] : [{ reasoningContent: { signature } }]),
  ];
}

const INPUT_PIECE_LENGTH = 12;

/** A tool without arguments is called with an empty text. A string is broken JSON and sent as it is. */
function inputPieces(input: unknown): readonly string[] {
  const text = typeof input === "string" ? input : JSON.stringify(input);
  if (text === "{}" || text === "") return [""];
  const pieces: string[] = [];
  for (let index = 0; index < text.length; index += INPUT_PIECE_LENGTH)
    pieces.push(text.slice(index, index + INPUT_PIECE_LENGTH));
  return pieces;
}
