import { readFileSync } from "node:fs";
import { basename, dirname, extname } from "node:path";
import { parseEnv } from "node:util";
import type { CommandOptions } from "./command-options.ts";

/** Any of these says that there are credentials. */
const CREDENTIALS = [
  "AWS_ACCESS_KEY_ID",
  "AWS_PROFILE",
  "AWS_BEARER_TOKEN_BEDROCK",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/** The environment of the function: Lambda's own variables, and model calls that go to the local Bedrock. */
export function functionEnvironment(
  { file, handlerName, envFile }: CommandOptions,
  bedrockUrl: string,
  own: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const given: NodeJS.ProcessEnv = {
    ...(envFile !== undefined && parseEnv(readFileSync(envFile, "utf8"))),
    ...own,
  };
  const name = basename(file, extname(file));
  const functionName = given["AWS_LAMBDA_FUNCTION_NAME"] ?? name;
  const hasCredentials = CREDENTIALS.some((key) => Boolean(given[key]));
  const region = given["AWS_REGION"] ?? "us-east-1";
  return {
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    ...(!hasCredentials && {
      AWS_ACCESS_KEY_ID: "local",
      AWS_SECRET_ACCESS_KEY: "local",
    }),
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: "local",
    LAMBDA_TASK_ROOT: dirname(file),
    _HANDLER: `${name}.${handlerName}`,
    TZ: "UTC",
    ...given,
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrockUrl,
  };
}
