import type { Refusal } from "./refusal.ts";

const HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0";
const OPUS_4_5 = "anthropic.claude-opus-4-5-20251101-v1:0";
const OPUS_4_1 = "anthropic.claude-opus-4-1-20250805-v1:0";
const SONNET_4_5 = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const ACCOUNT = "123456789012";
const INVALID = "The provided model identifier is invalid.";

const bare = (id: string) =>
  `Invocation of model ID ${id} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`;

const row = (
  what: string,
  refused: string,
  taken: string,
  text: string,
  region: string,
): Refusal => ({
  what,
  refused: { modelId: refused },
  taken: { modelId: taken },
  text,
  region,
});

const arn = (region: string, resource: string) =>
  `arn:aws:bedrock:${region}:${resource}`;

export const profiles: readonly Refusal[] = [
  row(
    "the bare id of a model that needs a profile",
    HAIKU,
    `us.${HAIKU}`,
    bare(HAIKU),
    "us-east-1",
  ),
  row(
    "the bare id in a Region without a geographic profile",
    HAIKU,
    `global.${HAIKU}`,
    bare(HAIKU),
    "ca-central-1",
  ),
  row(
    "the ARN of its foundation model",
    arn("us-east-1", `:foundation-model/${HAIKU}`),
    arn("us-east-1", `${ACCOUNT}:inference-profile/us.${HAIKU}`),
    bare(arn("us-east-1", `:foundation-model/${HAIKU}`)),
    "us-east-1",
  ),
  row(
    "a profile of another geography",
    `us.${HAIKU}`,
    `eu.${HAIKU}`,
    INVALID,
    "eu-west-1",
  ),
  row(
    "that of the neighbours",
    `us.${HAIKU}`,
    `global.${HAIKU}`,
    INVALID,
    "ca-central-1",
  ),
  row(
    "that of half a continent",
    `jp.${HAIKU}`,
    `au.${HAIKU}`,
    INVALID,
    "ap-southeast-2",
  ),
  row(
    "one of the public in the Regions of the government",
    `us.${SONNET_4_5}`,
    `us-gov.${SONNET_4_5}`,
    INVALID,
    "us-gov-west-1",
  ),
  row(
    "the global one there",
    `global.${SONNET_4_5}`,
    `us-gov.${SONNET_4_5}`,
    INVALID,
    "us-gov-west-1",
  ),
  row(
    "a global profile that the model does not have",
    `global.${OPUS_4_1}`,
    `us.${OPUS_4_1}`,
    INVALID,
    "us-east-1",
  ),
  row(
    "a geographic one that the model does not have",
    `jp.${OPUS_4_5}`,
    `global.${OPUS_4_5}`,
    INVALID,
    "ap-northeast-1",
  ),
  row(
    "any one of a model that has none",
    "us.qwen.qwen3-32b-v1:0",
    "qwen.qwen3-32b-v1:0",
    INVALID,
    "us-east-1",
  ),
  row(
    "a profile's ARN of another Region than the profile's",
    arn("eu-west-1", `${ACCOUNT}:inference-profile/us.${HAIKU}`),
    arn("us-west-2", `${ACCOUNT}:inference-profile/us.${HAIKU}`),
    INVALID,
    "eu-west-1",
  ),
];
