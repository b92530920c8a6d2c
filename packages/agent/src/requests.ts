import type { Message, ModelResponse, Tool } from "@lambdallm/core";
import type { Invocation, ModelRequest } from "@lambdallm/core/feature";
import { type CachePointOptions, placeCachePoints } from "./cache-points.ts";
import { reactAnswer } from "./react-answer.ts";
import { needsReact, reactRequest } from "./react-prompt.ts";
import type { AgentTool } from "./tool.ts";

/**
 * Asks the model. One without tools is told of them in words, and answers so.
 *
 * @param cache Undefined: without cache points.
 */
export async function answerTo(
  invocation: Invocation,
  given: ModelRequest,
  cache: CachePointOptions | undefined,
): Promise<ModelResponse> {
  const request = cache === undefined ? given : placeCachePoints(given, cache);
  if (!needsReact(request)) return invocation.callModel(request);
  const response = await invocation.callModel(reactRequest(request));
  return reactAnswer(response, request);
}

/** A tool as the model is told of it. */
export function declarationOf(tool: AgentTool | Tool): Tool {
  if (!("schema" in tool)) return tool;
  const { name, description, schema } = tool;
  return {
    toolSpec: { name, description, inputSchema: { json: schema.json } },
  };
}

/** With a last word to the model, which is not kept. */
export function instructed(request: ModelRequest, text: string): ModelRequest {
  const before = request.messages.slice(0, -1);
  const last = request.messages.at(-1);
  const message: Message =
    last?.role === "user"
      ? { ...last, content: [...last.content, { text }] }
      : { role: "user", content: [{ text }] };
  return {
    ...request,
    messages:
      last?.role === "user"
        ? [...before, message]
        : [...request.messages, message],
  };
}
