import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import type { WithLLM } from "@lambdallm/core";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import logging from "@lambdallm/logging";
import { MockLambdaContext } from "@lambdallm/testing";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "../../../test-support/middy.ts";

import { memoryLogger, steady } from "./support.ts";

const CREDENTIALS = { accessKeyId: "AKIDSECRET", secretAccessKey: "SECRETKEY" };

let local: LocalBedrock;

beforeAll(async () => {
  local = await startBedrock({
    // The catalog's models end one day; this test does not.
    now: () => Date.UTC(2026, 10, 22),
    respond: () => ({ content: [{ text: "Once upon a time" }] }),
  });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

describe.each(middyMajors)("logging over HTTP on %s", (_name, middy) => {
  const recordsOf = async (
    handler: (context: LambdaContext & WithLLM) => Promise<unknown>,
  ) => {
    const { logger, records } = memoryLogger();
    const chain = middy<object, unknown, Error, LambdaContext & WithLLM>()
      .use({
        ...bedrock({
          region: "us-east-1",
          clientConfig: { endpoint: local.url, credentials: CREDENTIALS },
        }),
      })
      .use(logging({ logger }))
      .handler(async (_event, context) => handler(context));
    await chain({}, new MockLambdaContext({ timeoutMs: 600_000 })).catch(
      () => {},
    );
    expect(JSON.stringify(records)).not.toMatch(/SECRET|secret|upon/);
    return records;
  };

  test("has what the service says of a stream, and nothing of the prompt, the answer or the credentials", async () => {
    const records = await recordsOf(async ({ stream }) => {
      for await (const _piece of stream("secret prompt"));
    });
    const [attempt, call, invocation] = records;
    const model = expect.stringContaining("claude-haiku-4-5");
    expect(attempt).toMatchObject({
      ...{ event: "attempt-end", model, responseModel: model },
      ...{ region: "us-east-1", serviceRequestId: expect.any(String) },
      ...{ stopReason: "end_turn", latencyMs: expect.any(Number) },
    });
    const first = Number(call?.["timeToFirstTokenMs"]);
    expect(first).toBeLessThanOrEqual(Number(call?.["latencyMs"]));
    expect(call?.["latencyMs"]).toBeLessThanOrEqual(
      Number(call?.["durationMs"]) + 1,
    );
    const { inputTokens, outputTokens, costUsd }: Record<string, unknown> =
      call ?? {};
    expect(invocation).toMatchObject({ inputTokens, outputTokens, costUsd });
    expect(inputTokens).toBeGreaterThan(0);
  });

  test("has the service's error by its name and status, and a stream that is cut with what it had used", async () => {
    local.setFaults([
      { error: "AccessDeniedException", message: "secret prompt" },
      { cut: "body", afterEvents: 3 },
    ]);
    const records = await recordsOf(async ({ invoke, stream }) => {
      await invoke("secret prompt").catch(() => {});
      for await (const _piece of stream("secret prompt"));
    });
    expect(steady(records)).toMatchObject([
      {
        ...{ event: "attempt-error", errorType: "access-denied" },
        ...{ serviceError: "AccessDeniedException", httpStatusCode: 403 },
      },
      { event: "call-error", callId: 1, billed: "none" },
      {
        ...{ event: "attempt-error", errorType: "interrupted" },
        ...{ estimated: true, billed: "partial" },
      },
      { event: "call-error", callId: 2, estimated: true },
      { event: "invocation-error", attempts: 2, estimated: true },
    ]);
  });
});
