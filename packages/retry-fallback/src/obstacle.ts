import { findModel, type ModelRequest } from "@lambdallm/core";

/**
 * Why a model cannot answer this request, by what the catalog says; undefined when nothing speaks against it. What the
 * provider says in another way, such as a system prompt or a schema, does not.
 */
export function obstacleTo(
  request: ModelRequest,
  model: string,
  overflowedTokens: number,
): string | undefined {
  const info = findModel(model);
  if (info === undefined) return undefined;
  const { contextWindowTokens = Number.POSITIVE_INFINITY } = info;
  if (contextWindowTokens <= overflowedTokens)
    return `its context of ${contextWindowTokens} tokens is no larger than the one that was too small`;
  const needs = needsOf(request);
  if (needs.tools && info.tools === false) return "it has no tools";
  if (needs.tools && request.onDelta && info.streamingTools === false)
    return "it has no tools in streams";
  if (needs.images && info.vision === false) return "it reads no images";
  if (needs.pdfs && info.pdf === false) return "it reads no PDF documents";
  return undefined;
}

interface Needs {
  tools: boolean;
  images: boolean;
  pdfs: boolean;
}

function needsOf({ messages, tools = [] }: ModelRequest): Needs {
  const needs = { tools: tools.length > 0, images: false, pdfs: false };
  const look = (block: object) => {
    if ("toolUse" in block) needs.tools = true;
    if ("image" in block) needs.images = true;
    if ("document" in block && isPdf(block.document)) needs.pdfs = true;
  };
  for (const { content } of messages)
    for (const block of content) {
      look(block);
      if (!("toolResult" in block)) continue;
      needs.tools = true;
      block.toolResult.content.forEach(look);
    }
  return needs;
}

function isPdf(document: unknown): boolean {
  return Reflect.get(Object(document), "format") === "pdf";
}
