import { randomUUID } from "node:crypto";
import type { ContentBlock } from "@lambdallm/core";
import { type Answer, answerOf } from "../bedrock/answer.ts";
import { stopEvent } from "../bedrock/answer-events.ts";
import type { Backend } from "../bedrock/backend.ts";
import type { PromptUsage } from "../bedrock/prompt-cache.ts";
import type { BedrockRequest, StreamEvent } from "../bedrock/types.ts";
import { arrayAt, member, parseJson, stringAt } from "../json.ts";
import { chatRequest } from "./chat-request.ts";
import { chatEvents } from "./chat-stream.ts";
import { stopReasonOf, usageOf } from "./finish.ts";
import { postChat, type Upstream } from "./post-chat.ts";

/** Answers by any API like OpenAI's chat completions, such as Ollama's, llama.cpp's or vLLM's. */
export function upstreamBackend(upstream: Upstream): Backend {
  return {
    async answer(request, prompt) {
      const response = await postChat(
        upstream,
        chatRequest(request, upstream.model, false),
        request.signal,
      );
      return answerOfChat(parseJson(await response.text()), request, prompt);
    },
    async *stream(request, prompt, metadata) {
      const response = await postChat(
        upstream,
        chatRequest(request, upstream.model, true),
        request.signal,
      );
      const answerOfText = (text: string) =>
        answerOf({ content: [{ text }] }, request, prompt);
      yield* bedrockEvents(response, answerOfText, metadata);
    },
  };
}

function answerOfChat(
  body: unknown,
  request: BedrockRequest,
  prompt: PromptUsage,
): Answer {
  const choice = arrayAt(body, "choices")[0];
  const message = member(choice, "message");
  const reasoning =
    stringAt(message, "reasoning_content") ?? stringAt(message, "reasoning");
  const text = stringAt(message, "content") ?? "";
  const calls = arrayAt(message, "tool_calls").map(toolUseOf);
  const content: ContentBlock[] = [
    ...(reasoning === undefined || reasoning === ""
      ? []
      : [{ reasoningContent: { reasoningText: { text: reasoning } } }]),
    ...(text === "" && calls.length > 0 ? [] : [{ text }]),
    ...calls,
  ];
  const usage = usageOf(member(body, "usage"));
  return answerOf(
    {
      content,
      stopReason: stopReasonOf(
        stringAt(choice, "finish_reason"),
        calls.length > 0,
      ),
      ...(usage !== undefined && { usage }),
    },
    request,
    prompt,
  );
}

function toolUseOf(call: unknown): ContentBlock {
  const text = stringAt(member(call, "function"), "arguments") ?? "";
  const input = text.trim() === "" ? {} : parseJson(text);
  return {
    toolUse: {
      toolUseId: stringAt(call, "id") ?? `tooluse_${randomUUID()}`,
      name: stringAt(member(call, "function"), "name") ?? "",
      // Broken JSON is passed on as the text it is, as the service does.
      input: (input ?? text) as string,
    },
  };
}

async function* bedrockEvents(
  response: Response,
  answerOfText: (text: string) => Answer,
  metadata: () => object,
): AsyncGenerator<StreamEvent> {
  let open: { readonly index: number; readonly key: string } | undefined;
  let nextIndex = 0;
  let written = "";
  let finish: string | undefined;
  let usage: ReturnType<typeof usageOf>;
  const event = (type: string, payload: object): StreamEvent => ({
    type,
    payload,
  });
  const stop = function* (): Generator<StreamEvent> {
    if (open !== undefined)
      yield event("contentBlockStop", { contentBlockIndex: open.index });
    open = undefined;
  };
  const enter = function* (
    key: string,
    start?: object,
  ): Generator<StreamEvent, number> {
    if (open?.key === key) return open.index;
    yield* stop();
    const index = nextIndex++;
    open = { index, key };
    if (start !== undefined)
      yield event("contentBlockStart", { contentBlockIndex: index, start });
    return index;
  };
  let isStarted = false;
  let sawTool = false;
  for await (const piece of chatEvents(response)) {
    if (!isStarted) {
      isStarted = true;
      yield event("messageStart", { role: "assistant" });
    }
    finish = piece.finish ?? finish;
    usage = usageOf(piece.usage) ?? usage;
    if (piece.reasoning !== "") {
      const contentBlockIndex = yield* enter("reasoning");
      written += piece.reasoning;
      yield event("contentBlockDelta", {
        contentBlockIndex,
        delta: { reasoningContent: { text: piece.reasoning } },
      });
    }
    if (piece.text !== "") {
      const contentBlockIndex = yield* enter("text");
      written += piece.text;
      yield event("contentBlockDelta", {
        contentBlockIndex,
        delta: { text: piece.text },
      });
    }
    for (const call of piece.calls) {
      sawTool = true;
      const contentBlockIndex = yield* enter(`tool ${call.index}`, {
        toolUse: {
          toolUseId: call.id ?? `tooluse_${randomUUID()}`,
          name: call.name,
        },
      });
      written += call.input;
      yield event("contentBlockDelta", {
        contentBlockIndex,
        delta: { toolUse: { input: call.input } },
      });
    }
  }
  yield* stop();
  // The upstream broke off: so does this stream, without the event that says it is complete.
  if (finish === undefined) return;
  yield stopEvent({ stopReason: stopReasonOf(finish, sawTool) });
  yield event("metadata", {
    usage: usage ?? answerOfText(written).usage,
    ...metadata(),
  });
}
