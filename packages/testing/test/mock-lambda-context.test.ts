import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  MockLambdaContext,
  type MockLambdaContextOptions,
} from "@lambdallm/testing";

afterEach(() => {
  jest.useRealTimers();
});

describe("MockLambdaContext", () => {
  test("has exactly the fields that Lambda's Node.js runtime sets", () => {
    expect(Object.keys(new MockLambdaContext()).sort()).toEqual([
      "awsRequestId",
      "clientContext",
      "functionName",
      "functionVersion",
      "getRemainingTimeInMillis",
      "identity",
      "invokedFunctionArn",
      "logGroupName",
      "logStreamName",
      "memoryLimitInMB",
      "tenantId",
      "xRayTraceId",
    ]);
  });

  test("describes a function by default", () => {
    expect(new MockLambdaContext()).toMatchObject({
      functionName: "test-function",
      functionVersion: "$LATEST",
      memoryLimitInMB: "256",
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      invokedFunctionArn:
        "arn:aws:lambda:us-east-1:123456789012:function:test-function",
      logGroupName: "/aws/lambda/test-function",
      logStreamName: expect.stringMatching(/^test\/\[\$LATEST\][0-9a-f-]{36}$/),
      clientContext: undefined,
      identity: undefined,
    });
  });

  test("describes the function that it is told to", () => {
    const given = {
      functionName: "chat",
      functionVersion: "7",
      memoryLimitInMB: "1024",
      awsRequestId: "r-1",
    };
    expect(new MockLambdaContext(given)).toMatchObject({
      ...given,
      invokedFunctionArn: "arn:aws:lambda:us-east-1:123456789012:function:chat",
      logGroupName: "/aws/lambda/chat",
      logStreamName: "test/[7]r-1",
    });
  });

  test("has a request id of its own each time", () => {
    const ids = new Set(
      Array.from({ length: 10 }, () => new MockLambdaContext().awsRequestId),
    );
    expect(ids.size).toBe(10);
  });

  test("has less and less time left", () => {
    jest.useFakeTimers();
    const { getRemainingTimeInMillis } = new MockLambdaContext();
    expect(getRemainingTimeInMillis()).toBe(30_000);
    jest.advanceTimersByTime(29_000);
    expect(getRemainingTimeInMillis()).toBe(1_000);
    jest.advanceTimersByTime(2_000);
    expect(getRemainingTimeInMillis()).toBe(-1_000);
  });

  test("runs on the date that is set while it is there", () => {
    const { getRemainingTimeInMillis } = new MockLambdaContext();
    jest.useFakeTimers({ now: Date.now() + 3_600_000 });
    expect(getRemainingTimeInMillis()).toBeLessThanOrEqual(-3_570_000);
  });

  test("runs on the clock that it is given", () => {
    let now = 100;
    const context = new MockLambdaContext({ timeoutMs: 3_000, now: () => now });
    expect(context.getRemainingTimeInMillis()).toBe(3_000);
    now = 1_100;
    expect(context.getRemainingTimeInMillis()).toBe(2_000);
  });

  test("refuses an option that does not exist", () => {
    const options = { timeout: 5 } as MockLambdaContextOptions;
    expect(() => new MockLambdaContext(options)).toThrow(ConfigurationError);
    expect(() => new MockLambdaContext(options)).toThrow(
      'MockLambdaContext: there is no option "timeout". Options: timeoutMs, now,',
    );
  });

  test.each([
    ["timeoutMs", Number.NaN],
    ["timeoutMs", "5"],
    ["timeoutMs", -1],
    ["now", 0],
    ["functionName", ""],
    ["functionVersion", 7],
    ["memoryLimitInMB", 256],
    ["awsRequestId", null],
  ])("refuses a wrong value of %s: %p", (name, value) => {
    // The types forbid most of it.
    const options = { [name]: value } as MockLambdaContextOptions;
    expect(() => new MockLambdaContext(options)).toThrow(
      `MockLambdaContext: the option "${name}" must be`,
    );
  });
});
