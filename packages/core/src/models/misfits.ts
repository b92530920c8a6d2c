import type { ModelRequest } from "../contract/model-call.ts";
import { arnRegion } from "./arn-region.ts";
import { findModel } from "./catalog.ts";
import { estimateTextTokens } from "./estimate-tokens.ts";
import { largestMaxTokens } from "./max-tokens.ts";
import type { ModelInfo } from "./model-info.ts";
import { needsOf, type RequestNeeds } from "./needs.ts";

/** What decides beside the request and the catalog. */
export interface FitOptions {
  /** Where the model is called, for its end of life; the Region of an ARN comes first. @default unknown */
  readonly region?: string | undefined;
  /** Epoch milliseconds, for its end of life. @default Date.now() */
  readonly now?: number | undefined;
  /**
   * Tokens of an answer that have to fit into the context beside the texts, though no more than the model writes at most.
   * @default whether the texts fit is left to the service
   */
  readonly outputTokens?: number | undefined;
  /** Of the request, where somebody has counted them. @default estimateTextTokens(request) */
  readonly textTokens?: number | undefined;
  /** A context of as many tokens is known to be too small. @default none */
  readonly tooSmallTokens?: number | undefined;
}

/**
 * Why a model cannot take a request, in words that quote nothing of it; empty when nothing speaks against it. What the catalog
 * does not know, the model is taken to be able to. What the provider can say in another way is no need: a system prompt, a
 * schema. A model whose life has ended fits nothing: the service refuses every request.
 */
export function misfitsOf(
  request: Pick<ModelRequest, "messages" | "tools" | "system" | "onDelta">,
  model: string,
  options: FitOptions = {},
): readonly string[] {
  const { region, now = Date.now() } = options;
  const info = findModel(model, { region, now });
  if (info === undefined) return [];
  const here = arnRegion(model) ?? region;
  return [
    ...unmetNeeds(needsOf(request), info),
    ...lackOfRoom(request, info, options),
    ...endOfLife(info, now, here),
  ];
}

function unmetNeeds(needs: RequestNeeds, info: ModelInfo): readonly string[] {
  const unmet: string[] = [];
  if (needs.tools && info.tools === false) unmet.push("it has no tools");
  else if (needs.tools && needs.streaming && info.streamingTools === false)
    unmet.push("it has no tools in streams");
  if (needs.images && info.vision === false) unmet.push("it reads no images");
  if (needs.pdf && info.pdf === false) unmet.push("it reads no PDF documents");
  if (needs.prefill && info.prefill === false)
    unmet.push("it takes no answer to continue");
  return unmet;
}

/** What files come to is a guess, which excludes nobody. */
function lackOfRoom(
  request: Parameters<typeof misfitsOf>[0],
  info: ModelInfo,
  { outputTokens, textTokens, tooSmallTokens = 0 }: FitOptions,
): readonly string[] {
  const { contextWindowTokens: room = Number.POSITIVE_INFINITY } = info;
  if (room <= tooSmallTokens)
    return [
      `its context of ${room} tokens is no larger than the one that was too small`,
    ];
  if (outputTokens === undefined) return [];
  // The provider asks for no more than the model can give.
  const tokens =
    (textTokens ?? estimateTextTokens(request)) +
    Math.min(outputTokens, largestMaxTokens(info));
  return tokens > room
    ? [`about ${tokens} tokens do not fit into its context of ${room}`]
    : [];
}

function endOfLife(
  { endOfLife: day, stillActiveIn = [] }: ModelInfo,
  now: number,
  region: string | undefined,
): readonly string[] {
  const isOver =
    day !== undefined &&
    now >= Date.parse(day) &&
    !stillActiveIn.some((other) => other === region);
  return isOver ? [`it reached its end of life on ${day}`] : [];
}
