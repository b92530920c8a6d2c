import {
  type ModelRequest,
  type ProviderObserver,
  type ProviderResponse,
  thinkingOf,
} from "@lambdallm/core/feature";
import { factsOf } from "./error-facts.ts";

/**
 * The texts that name both sizes exactly. A prompt of "at least" so many tokens, as vLLM says of one that it has not counted
 * to its end, leaves nobody knows how much room.
 */
const SIZES: readonly RegExp[] = [
  // Claude: "input length and `max_tokens` exceed context limit: 199759 + 8192 > 200000" (strands 3969)
  /input length and `?max_tokens`? exceed (?:the )?context limit: (?<prompt>\d+) \+ \d+ > (?<context>\d+)/i,
  // vLLM: "maximum context length is 8192 tokens. However, you requested 8334 tokens (338 in the messages, 7996 in ..."
  /maximum context length is (?<context>\d+) tokens[.,] however, you requested \d+ tokens \((?<prompt>\d+) in (?:the messages|your prompt)\b/i,
  // vLLM, newer: "However, you requested 4096 output tokens and your prompt contains 137217 input tokens"
  /maximum context length is (?<context>\d+) tokens[.,] however, you requested \d+ output tokens and your prompt contains (?<prompt>\d+) input tokens/i,
];

/** The largest `maxTokens` that fits beside the prompt, by the text of an overflow; undefined where it does not say, or none. */
export function roomIn(text: string): number | undefined {
  for (const pattern of SIZES) {
    const { context, prompt } = pattern.exec(text)?.groups ?? {};
    const room = Number(context) - Number(prompt);
    if (room >= 1) return room;
  }
  return undefined;
}

/**
 * Sends a request. When the model has room for its prompt and not for the default of `maxTokens` beside it, the request goes
 * once more with what fits: a refusal is quick and not billed. A `maxTokens` of the caller's own is never changed.
 */
export async function sendFitting(
  request: ModelRequest,
  send: (request: ModelRequest) => Promise<ProviderResponse>,
  observer: ProviderObserver | undefined,
): Promise<ProviderResponse> {
  try {
    return await send(request);
  } catch (error) {
    const { fittingMaxTokens: maxTokens } = factsOf(error);
    const budgetTokens = thinkingOf(request)?.budgetTokens ?? 0;
    if (
      maxTokens === undefined ||
      request.maxTokens !== undefined ||
      maxTokens <= budgetTokens
    )
      throw error;
    observer?.onAdapted([
      {
        setting: "maxTokens",
        change: "changed",
        reason: `the model's context has room for ${maxTokens} tokens beside the prompt`,
      },
    ]);
    return send({ ...request, maxTokens });
  }
}
