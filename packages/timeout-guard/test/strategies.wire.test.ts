import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import {
  estimateTokens,
  InvocationTimeoutError,
  type ModelResponse,
} from "@lambdallm/core";
import { type InvocationEvents, invocationOf } from "@lambdallm/core/feature";
import type { LocalBedrock, Reply } from "@lambdallm/local";
import { middyMajors } from "../../../test-support/middy.ts";
import type { TimeoutGuardOptions } from "../src/index.ts";
import {
  failureOf,
  guardAfter,
  type HandlerContext,
  HOUR_MS,
  MODEL,
  minute,
  operations,
  provider,
  question,
  readAll,
  run,
  start,
  unfinished,
} from "./support.ts";

let local: LocalBedrock;
let reply: Reply;
beforeAll(async () => {
  local = await start({ respond: () => reply });
});
beforeEach(() => {
  local.reset();
  reply = unfinished("One two three");
});
afterAll(() => local.close());

/** Time for the first words to arrive. */
const SOON_MS = 1_500;
const WORDS_THEN_NOTHING = () => ({ tokenDelayMs: HOUR_MS });
const NOTHING = () => ({ latencyMs: HOUR_MS });
const SCHEMA = { title: "string" } as const;

const TEXT_SO_FAR = {
  text: "One two three",
  stopReason: "timeout",
  usage: {
    estimated: true,
    outputTokens: 4,
    inputTokens: estimateTokens("Count"),
  },
  attempts: 1,
};

describe.each(middyMajors)("On %s", (_name, middy) => {
  const guarded = <Result>(
    options: TimeoutGuardOptions,
    handler: (context: HandlerContext) => Promise<Result>,
  ) =>
    run(
      middy,
      [provider(local), guardAfter(SOON_MS, options)],
      handler,
      minute(),
    );

  test("truncate gives the text so far, of every call that answers with text", async () => {
    local.setFaults(WORDS_THEN_NOTHING);
    const deltas: string[] = [];
    const [invoked, read, response, converse, observed] = await guarded(
      { strategy: "truncate" },
      async (context) => {
        const stream = context.stream("Count");
        return Promise.all([
          context.invoke("Count"),
          readAll(stream),
          stream.response,
          context.converse({ messages: question() }),
          context.converse({
            messages: question(),
            onDelta: ({ kind }) => deltas.push(kind),
          }),
        ]);
      },
    );
    expect(invoked).toBe("One two three");
    expect(read).toBe("One two three");
    for (const truncated of [response, converse, observed])
      expect(truncated).toMatchObject(TEXT_SO_FAR);
    expect(deltas).toEqual(["text"]);
    for (const { closed } of local.requests)
      expect(await closed).toMatchObject({ byClient: true });
  });

  test("truncate fails where there is no text yet, and where half of an answer is none", async () => {
    reply = unfinished('{"title": "Half of');
    local.setFaults(({ body }) =>
      JSON.stringify(body).includes("nothing")
        ? NOTHING()
        : WORDS_THEN_NOTHING(),
    );
    const failures = await guarded({ strategy: "truncate" }, async (context) =>
      Promise.all(
        [
          context.invoke("Say nothing"),
          context.stream("Say nothing").response,
          readAll(context.stream("Say nothing")),
          context.invokeStructured("Say nothing", SCHEMA),
          context.streamStructured("Describe", SCHEMA).object,
        ].map(failureOf),
      ),
    );
    for (const error of failures) {
      expect(error).toBeInstanceOf(InvocationTimeoutError);
      expect(error.statusCode).toBe(504);
      expect(JSON.stringify(error)).not.toContain("Half of");
    }
  });

  test("fail-fast fails with the text so far out of sight, and never streams on its own", async () => {
    local.setFaults(WORDS_THEN_NOTHING);
    const stream = await guarded({}, async (context) =>
      failureOf(context.stream("Count").response),
    );
    expect(stream).toBeInstanceOf(InvocationTimeoutError);
    expect(stream.partial).toMatchObject({ text: "One two three" });
    expect(Object.keys(stream)).not.toContain("partial");

    local.reset();
    local.setFaults(NOTHING);
    const failures = await guarded({}, async (context) =>
      Promise.all(
        [
          context.invoke("Count"),
          context.invokeStructured("Describe", SCHEMA),
        ].map(failureOf),
      ),
    );
    for (const error of failures)
      expect(error).toBeInstanceOf(InvocationTimeoutError);
    expect(operations(local)).toEqual(["Converse", "Converse"]);
  });

  test("converse returns what there is at the deadline, whatever the strategy", async () => {
    local.setFaults(NOTHING);
    const responses = await Promise.all(
      (["fail-fast", "truncate"] as const).map((strategy) =>
        guarded({ strategy }, async ({ converse }) =>
          converse({ messages: question() }),
        ),
      ),
    );
    for (const response of responses)
      expect(response).toMatchObject({
        text: "",
        stopReason: "timeout",
        usage: { estimated: true, outputTokens: 0 },
      });
  });

  test("observers and totals see a truncated answer as an answer, with estimated tokens", async () => {
    local.setFaults(WORDS_THEN_NOTHING);
    const seen: ModelResponse[] = [];
    const errors: unknown[] = [];
    const { metrics, costUsd } = await guarded(
      { strategy: "truncate" },
      async (context) => {
        const { events } = invocationOf(context);
        const names: (keyof InvocationEvents)[] = ["call-end", "attempt-end"];
        for (const name of names)
          events.on(name, (event) => {
            if ("response" in event) seen.push(event.response);
          });
        events.on("call-error", (event) => errors.push(event));
        events.on("attempt-error", (event) => errors.push(event));
        await context.invoke("Count", undefined, { model: MODEL });
        return { metrics: context.metrics, costUsd: context.totalCostUsd };
      },
    );
    expect(errors).toEqual([]);
    expect(seen).toHaveLength(2);
    for (const response of seen) {
      expect(response).toMatchObject(TEXT_SO_FAR);
      expect(response.costUsd).toBe(costUsd);
    }
    expect(costUsd).toBeGreaterThan(0);
    expect(metrics).toMatchObject({
      calls: 1,
      attempts: 1,
      failedAttempts: 0,
      usage: { estimated: true, outputTokens: 4 },
    });
  });

  test("a nested provider has the deadline and the strategy of the outer guard", async () => {
    local.setFaults(WORDS_THEN_NOTHING);
    const text = await guarded({ strategy: "truncate" }, async (context) =>
      run(
        middy,
        [provider(local)],
        async (inner) => inner.invoke("Count"),
        context,
      ),
    );
    expect(text).toBe("One two three");
  });
});
