import { ConfigurationError } from "@lambdallm/core";
import type { Missing } from "./worst-case.ts";

const WHY: Readonly<Record<Missing, (register: string) => string>> = {
  price: (register) =>
    `its price is not known: call ${register}{ prices: { input, output } }) at cold start, or set unknownPrice`,
  tier: (register) =>
    `the price of the service tier is not known: call ${register}{ prices: { input, output, serviceTiers } }) at cold start, or set unknownPrice`,
  context: (register) =>
    `the prompt has a part of unknown size, such as a document, a file in S3 or a managed prompt, and the model's context window is not known: call ${register}{ contextWindowTokens }) at cold start`,
  output: (register) =>
    `the length of its answer has no limit: give maxTokens, or call ${register}{ maxOutputTokens }) at cold start`,
};

/** Nobody can say what a call costs at most. */
export function unknownCost(
  model: string,
  missing: Missing,
): ConfigurationError {
  // Account numbers stay out of messages: callers may see them.
  const name = model.startsWith("arn:")
    ? model.slice(model.indexOf("/") + 1)
    : model;
  const why = WHY[missing](`registerModel("${name}", `);
  return new ConfigurationError(
    `costTracking: a call of the model ${name} has no upper bound of its cost, because ${why}.`,
  );
}
