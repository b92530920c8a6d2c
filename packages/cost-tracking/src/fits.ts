import {
  estimateRequestTokens,
  findModel,
  type ModelRequest,
} from "@lambdallm/core";

/** Whether another model can take the request. What the catalog does not know, the model is taken to be able to. */
export function fits(
  model: string,
  request: ModelRequest,
  region: string | undefined,
): boolean {
  const info = findModel(model, { region });
  const { tools = [], maxTokens = 0, onDelta } = request;
  const kinds = kindsIn(request);
  const needsTools =
    tools.length > 0 || kinds.has("toolUse") || kinds.has("toolResult");
  const {
    contextWindowTokens = Number.POSITIVE_INFINITY,
    maxOutputTokens = maxTokens,
  } = info ?? {};
  const tokens =
    estimateRequestTokens(request) + Math.min(maxTokens, maxOutputTokens);
  return (
    !(needsTools && info?.tools === false) &&
    !(needsTools && onDelta && info?.streamingTools === false) &&
    !(kinds.has("image") && info?.vision === false) &&
    !(kinds.has("document") && info?.pdf === false) &&
    tokens <= contextWindowTokens
  );
}

/** The kinds of blocks, those in tool results and guarded content included. */
function kindsIn({ messages }: ModelRequest): ReadonlySet<string> {
  const kinds = new Set<string>();
  const add = (block: object): void => {
    for (const [kind, value] of Object.entries(block)) {
      kinds.add(kind);
      if (kind === "toolResult") for (const part of value.content) add(part);
      if (kind === "guardContent") add(value);
    }
  };
  for (const { content } of messages) for (const block of content) add(block);
  return kinds;
}
