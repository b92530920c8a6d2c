import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { ModelInvocationError, toResponseBody } from "@lambdallm/core";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  eventsOf,
  type HandlerContext,
  type Middy,
  memoryLogger,
  PRICED,
  run,
  settled,
  steady,
} from "./support.ts";

type Responses = ConstructorParameters<typeof MockProvider>[0];

const brokeOff = new ModelInvocationError("The stream broke off.", {
  ...{ reason: "interrupted", model: PRICED },
});
const PIECES = ["Once", " upon", " a time"];

beforeEach(() => {
  jest.useFakeTimers({
    doNotFake: ["nextTick", "setImmediate", "queueMicrotask"],
  });
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** A handler that streams the model's answer, and what is recorded of it. */
async function streamed(
  middy: Middy,
  responses: NonNullable<Responses>["responses"] & {},
  bodyOf = (context: HandlerContext): AsyncIterable<unknown> =>
    toResponseBody(context.stream("Tell a tale"), { format: "sse" }),
) {
  const { logger, records } = memoryLogger();
  const response = await run(
    async (context) => ({ statusCode: 200, body: bodyOf(context) }),
    {
      ...{ middy, options: { logger } },
      provider: new MockProvider({ responses }).middleware(),
      context: new MockLambdaContext({ timeoutMs: 10_500 }),
    },
  );
  // The provider's middleware makes a stream of what the handler has returned.
  return { records, body: response.body as Readable };
}

async function afterAll(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await settled();
}

describe.each(middyMajors)("a streamed body on %s", (_name, middy) => {
  test("has its records once, and the invocation's after the last byte", async () => {
    const { records, body } = await streamed(middy, [
      { pieces: PIECES, pieceDelayMs: 5 },
    ]);
    expect(records).toEqual([]);
    const reading = text(body);
    await jest.advanceTimersByTimeAsync(11);
    expect(records).toEqual([]);
    await jest.advanceTimersByTimeAsync(10);
    expect(await reading).toContain("time");
    await afterAll();
    expect(steady(records)).toMatchObject([
      { event: "attempt-end", status: "completed" },
      { event: "call-end", status: "completed", attempts: 1 },
      { event: "invocation-end", status: "completed", calls: 1 },
    ]);
  });

  test("of a handler that reads the stream itself has them, too", async () => {
    const { records, body } = await streamed(
      middy,
      [{ pieces: PIECES }],
      ({ stream }) => stream("Tell a tale"),
    );
    expect(await text(body)).toBe("Once upon a time");
    await afterAll();
    expect(eventsOf(records)).toEqual([
      ...["attempt-end", "call-end", "invocation-end"],
    ]);
  });

  test("that the model breaks off has one record of the failed call", async () => {
    const { records, body } = await streamed(middy, [
      { pieces: PIECES, error: brokeOff },
    ]);
    expect(await text(body)).toContain("event: error");
    await afterAll();
    expect(steady(records)).toMatchObject([
      { event: "attempt-error", errorType: "interrupted" },
      { event: "call-error", errorType: "interrupted" },
      { event: "body-error", errorType: "interrupted" },
      { event: "invocation-end", status: "completed" },
    ]);
  });

  test("that its reader leaves has one record of the aborted call", async () => {
    const { records, body } = await streamed(middy, [
      { pieces: PIECES, pieceDelayMs: 60_000 },
    ]);
    body.read(0);
    await afterAll();
    body.destroy();
    await afterAll();
    expect(steady(records)).toMatchObject([
      { event: "attempt-error", errorType: "aborted" },
      { event: "call-error", errorType: "aborted" },
      { event: "invocation-end", status: "completed" },
    ]);
  });

  test("that nobody reads has them before Lambda's timeout", async () => {
    const { records } = await streamed(middy, [
      { pieces: PIECES, pieceDelayMs: Number.POSITIVE_INFINITY },
    ]);
    await jest.advanceTimersByTimeAsync(10_250);
    await afterAll();
    const before = steady(records);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(steady(records)).toEqual(before);
    expect(before).toMatchObject([
      { event: "attempt-end" },
      { event: "call-end", stopReason: "timeout" },
      { event: "body-error", errorType: "timeout" },
      { event: "invocation-end" },
    ]);
  });
});
