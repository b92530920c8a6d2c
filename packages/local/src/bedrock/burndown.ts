/**
 * What an output token takes from the quota of tokens per minute. The page of the service names Claude 4.8, Opus 5,
 * Sonnet 5, Fable 5.1 and GPT-5.6, and 5 for "all other Anthropic models version 4.7 and below"; what it does not name of
 * the newer Claude is counted like those, too.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/quotas-token-burndown.html
 */
const RATES: readonly (readonly [modelId: RegExp, rate: number])[] = [
  [/anthropic\.claude-[a-z]+-4-8/, 15],
  [/anthropic\.claude-(?:opus-5|sonnet-5|fable-5-1)(?!-?\d)/, 10],
  [/anthropic\.claude/, 5],
  [/openai\.gpt-5\.6/, 10],
];

/** How often an output token of a model counts; 1 for models that are not known to count more. */
export function burndownRate(modelId: string): number {
  return RATES.find(([pattern]) => pattern.test(modelId))?.[1] ?? 1;
}
