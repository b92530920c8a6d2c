import { randomUUID } from "node:crypto";
import type { WithLLM } from "@lambdallm/core";
import { check, validateOptions } from "@lambdallm/core/feature";
import type { Context } from "aws-lambda";

export interface MockLambdaContextOptions {
  /** The function's timeout, in milliseconds. @default 30_000 */
  readonly timeoutMs?: number;
  /** The clock that the remaining time runs on, in epoch milliseconds. @default Date.now */
  readonly now?: () => number;
  /** @default "test-function" */
  readonly functionName?: string;
  /** @default "$LATEST" */
  readonly functionVersion?: string;
  /** @default "256" */
  readonly memoryLimitInMB?: string;
  /** @default a new UUID */
  readonly awsRequestId?: string;
}

const checks = {
  timeoutMs: check.atLeastZero,
  now: check.function,
  functionName: check.text,
  functionVersion: check.text,
  memoryLimitInMB: check.text,
  awsRequestId: check.text,
};

class RunningContext implements Context {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  readonly invokedFunctionArn: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  readonly clientContext: Context["clientContext"] = undefined;
  readonly identity: Context["identity"] = undefined;
  readonly tenantId: Context["tenantId"] = undefined;
  readonly xRayTraceId: string | undefined = undefined;
  readonly getRemainingTimeInMillis: () => number;
  // The types still ask for these; the runtime has not set them since Node.js 24.
  declare callbackWaitsForEmptyEventLoop: boolean;
  declare done: Context["done"];
  declare fail: Context["fail"];
  declare succeed: Context["succeed"];

  constructor(options: MockLambdaContextOptions = {}) {
    validateOptions("MockLambdaContext", checks, options);
    // Read at each use: tests set the date after their contexts are made.
    const { timeoutMs = 30_000, now = () => Date.now() } = options;
    this.functionName = options.functionName ?? "test-function";
    this.functionVersion = options.functionVersion ?? "$LATEST";
    this.memoryLimitInMB = options.memoryLimitInMB ?? "256";
    this.awsRequestId = options.awsRequestId ?? randomUUID();
    this.invokedFunctionArn = `arn:aws:lambda:us-east-1:123456789012:function:${this.functionName}`;
    this.logGroupName = `/aws/lambda/${this.functionName}`;
    this.logStreamName = `test/[${this.functionVersion}]${this.awsRequestId}`;
    const deadline = now() + timeoutMs;
    this.getRemainingTimeInMillis = () => deadline - now();
  }
}

/**
 * A Lambda context whose remaining time runs out, with the fields that Lambda's Node.js runtime sets and no others.
 *
 * @throws {ConfigurationError} naming the option that does not exist or has a wrong value.
 * @example
 * await handler(event, new MockLambdaContext({ timeoutMs: 3_000 }));
 */
export type MockLambdaContext<Members = unknown> = RunningContext &
  WithLLM &
  Members;

// Middy types a handler's context with everything that its middlewares will add to it, so a caller's has to claim as much:
// `Members` is inferred from the handler that it is given to.
export const MockLambdaContext = RunningContext as new <Members = unknown>(
  options?: MockLambdaContextOptions,
) => MockLambdaContext<Members>;
