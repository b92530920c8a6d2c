import { isObject } from "@lambdallm/core/feature";
import { member, objectAt, parseJson, stringAt } from "../json.ts";
import { nativeFormat } from "./native.ts";
import { PromptBlocks } from "./prompt-blocks.ts";
import { requestOf } from "./request.ts";
import { refuse } from "./service-error.ts";

/** Geographies, and the two kinds of profile ARNs. */
const PROFILE =
  /^(?:us-gov|us|eu|apac|jp|au|in|ca|global)\.|:(?:application-)?inference-profile\//;

/** Answers CountTokens, which takes foundation models only. */
export function countTokens(
  body: unknown,
  modelId: string,
  signal: AbortSignal,
): { readonly inputTokens: number } {
  if (PROFILE.test(modelId))
    refuse("The provided model identifier is invalid for counting tokens.");
  const input = objectAt(body, "input");
  const converse = objectAt(input, "converse");
  const facts = { operation: "CountTokens", modelId, signal } as const;
  if (converse !== undefined)
    return { inputTokens: new PromptBlocks(requestOf(converse, facts)).tokens };
  const encoded = stringAt(member(input, "invokeModel"), "body");
  const native = parseJson(
    Buffer.from(encoded ?? "", "base64").toString("utf8"),
  );
  if (!isObject(native))
    refuse(
      "The value at input must have converse or invokeModel with a JSON body.",
    );
  const converted = nativeFormat(modelId, native).toConverse(native);
  return { inputTokens: new PromptBlocks(requestOf(converted, facts)).tokens };
}
