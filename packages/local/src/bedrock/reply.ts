import { check, type OptionCheck } from "@lambdallm/core/feature";
import { validateMembers } from "../checks.ts";
import type { Reply, ReplyObject, ReplyUsage } from "./types.ts";

const anything: OptionCheck = () => undefined;

const checks: Readonly<Record<keyof ReplyObject, OptionCheck>> = {
  content: check.array,
  stopReason: check.text,
  usage: check.object,
  chunks: check.texts,
  additionalModelResponseFields: anything,
  trace: anything,
  metrics: check.object,
  rawOutput: anything,
  rawEvents: check.array,
};

const usageChecks: Readonly<Record<keyof ReplyUsage, OptionCheck>> = {
  inputTokens: check.wholeNumber,
  outputTokens: check.wholeNumber,
  totalTokens: check.wholeNumber,
  cacheReadInputTokens: check.wholeNumber,
  cacheWriteInputTokens: check.wholeNumber,
  cacheDetails: check.array,
};

/**
 * What a responder has returned.
 *
 * @throws {ConfigurationError} naming the member that does not exist, has a wrong value or is missing.
 */
export function checkedReply(reply: Reply): Reply {
  if (typeof reply === "string") return reply;
  validateMembers("reply", checks, reply, ["content"]);
  if (reply.usage !== undefined)
    validateMembers("reply.usage", usageChecks, reply.usage, [
      "inputTokens",
      "outputTokens",
    ]);
  return reply;
}
