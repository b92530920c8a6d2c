import type { ModelInfo } from "@lambdallm/core";
import { largestMaxTokens, unmetNeeds } from "@lambdallm/core/feature";
import type { RoutedCall } from "./facts.ts";

export interface FitOptions {
  /** The output tokens that have to fit beside the input. */
  readonly outputTokens: number;
  readonly requireNativeOutput: boolean;
  readonly region: string | undefined;
  readonly now: number;
}

/** Why a model cannot take a call. What the catalog does not know, the model is taken to be able to. */
export function misfitsOf(
  model: string,
  info: ModelInfo | undefined,
  { facts, needs, textTokens }: RoutedCall,
  options: FitOptions,
): readonly string[] {
  const misfits = [...unmetNeeds(needs, info)];
  if (
    facts.hasSchema &&
    options.requireNativeOutput &&
    info?.nativeStructuredOutput !== true
  )
    misfits.push("it is not known to have native structured output");

  const { contextWindowTokens } = info ?? {};
  // The provider asks for no more than the model can give. What files come to is a guess, which excludes nobody.
  const tokens =
    textTokens + Math.min(options.outputTokens, largestMaxTokens(info));
  if (contextWindowTokens !== undefined && tokens > contextWindowTokens)
    misfits.push(
      `about ${tokens} tokens do not fit into its context of ${contextWindowTokens}`,
    );

  const { endOfLife, stillActiveIn = [] } = info ?? {};
  if (endOfLife !== undefined && options.now >= Date.parse(endOfLife)) {
    const region = regionOf(model) ?? options.region ?? "";
    if (!stillActiveIn.includes(region))
      misfits.push(`it reached its end of life on ${endOfLife}`);
  }
  return misfits;
}

/** The Region that an ARN names. */
function regionOf(model: string): string | undefined {
  return /^arn:[^:]*:[^:]*:([^:]+):/.exec(model)?.[1];
}
