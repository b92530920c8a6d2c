import { randomBytes } from "node:crypto";

/** Lambda's context; the functions of `Context` in `@types/aws-lambda` that the runtime lost are not in it. */
export type FunctionContext = ReturnType<typeof functionContext>;

/** What the context of every invocation says about the function. */
export interface FunctionFacts {
  readonly functionName: string;
  readonly memoryLimitInMB: number;
}

/** The context of Lambda's Node.js runtime: these fields and no others. */
export function functionContext(
  { functionName, memoryLimitInMB }: FunctionFacts,
  requestId: string,
  deadline: number,
) {
  const region = process.env["AWS_REGION"] ?? "us-east-1";
  return {
    clientContext: undefined,
    identity: undefined,
    invokedFunctionArn: `arn:aws:lambda:${region}:000000000000:function:${functionName}`,
    awsRequestId: requestId,
    tenantId: undefined,
    xRayTraceId: `Root=1-${seconds()}-${hex(12)};Parent=${hex(8)};Sampled=0`,
    // Works without `this`, and goes below zero once the time is over.
    getRemainingTimeInMillis: () => deadline - Date.now(),
    functionName,
    functionVersion: "$LATEST",
    memoryLimitInMB: String(memoryLimitInMB),
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: `local/[$LATEST]${"0".repeat(32)}`,
  };
}

function seconds(): string {
  return Math.floor(Date.now() / 1000).toString(16);
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}
