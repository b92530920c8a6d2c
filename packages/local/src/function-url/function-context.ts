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
  trace: string,
) {
  const region = process.env["AWS_REGION"] ?? "us-east-1";
  return {
    clientContext: undefined,
    identity: undefined,
    invokedFunctionArn: `arn:aws:lambda:${region}:000000000000:function:${functionName}`,
    awsRequestId: requestId,
    tenantId: undefined,
    xRayTraceId: trace,
    // Works without `this`, and goes below zero once the time is over.
    getRemainingTimeInMillis: () => deadline - Date.now(),
    functionName,
    functionVersion: "$LATEST",
    memoryLimitInMB: String(memoryLimitInMB),
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: `local/[$LATEST]${"0".repeat(32)}`,
  };
}
