import type { BedrockRuntimeClientConfig } from "@aws-sdk/client-bedrock-runtime";

/** Other partitions have other domains. */
const COMMERCIAL = /^(?!cn-|eusc-|[a-z]+-iso)[a-z]{2,}(-[a-z]+)+-\d+$/;

/** Any of them may change where the client sends its requests. */
const VARIABLES = [
  "AWS_ENDPOINT_URL",
  "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
  "AWS_USE_FIPS_ENDPOINT",
  "AWS_USE_DUALSTACK_ENDPOINT",
];

/** Where the client sends its requests, as far as that can be told without asking it. */
export function endpointOf(
  region: string | undefined,
  config: BedrockRuntimeClientConfig = {},
): string | undefined {
  const { endpoint, useFipsEndpoint, useDualstackEndpoint } = config;
  if (endpoint !== undefined)
    return typeof endpoint === "string" ? endpoint : undefined;
  const isChanged =
    (useFipsEndpoint ?? useDualstackEndpoint) !== undefined ||
    VARIABLES.some((name) => process.env[name]);
  return isChanged || region === undefined || !COMMERCIAL.test(region)
    ? undefined
    : `https://bedrock-runtime.${region}.amazonaws.com`;
}
