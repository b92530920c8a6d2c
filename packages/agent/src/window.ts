import { findModel, type Message } from "@lambdallm/core";
import {
  estimateRequestTokens,
  type ModelRequest,
} from "@lambdallm/core/feature";
import { keepToolResults } from "./keep-results.ts";

/** Of a model's window: tokens are estimated, and the answer has its room, too. */
const MOST_OF_WINDOW = 0.7;

/** Of that, what the results of one answer's calls may take together. */
const SHARE_OF_RESULTS = 0.7;

const mostTokens = (model: string): number =>
  (findModel(model)?.contextWindowTokens ?? Number.POSITIVE_INFINITY) *
  MOST_OF_WINDOW;

/** How many tokens of a result the model gets, when it has asked for so many at once. */
export function resultTokens(
  model: string,
  maxResultTokens: number,
  calls: number,
): number {
  const share = (mostTokens(model) * SHARE_OF_RESULTS) / calls;
  return Math.max(1, Math.min(maxResultTokens, Math.floor(share)));
}

/**
 * The request with the oldest results of tools cleared, as many as it takes to fit the model's window; as it is when that is
 * not known. What the model has not seen yet stays.
 */
export function withinWindow(request: ModelRequest): ModelRequest {
  const most = mostTokens(request.model);
  let fitting = request;
  for (
    let keep = resultsIn(request.messages);
    keep > 0 && estimateRequestTokens(fitting) > most;
  ) {
    // By halves: each change of what was sent before costs its cache.
    keep = Math.floor(keep / 2);
    fitting = {
      ...request,
      messages: keepToolResults(request.messages, keep),
    };
  }
  return fitting;
}

function resultsIn(messages: readonly Message[]): number {
  const blocks = messages.flatMap(({ content }) => content);
  return blocks.filter((block) => "toolResult" in block).length;
}
