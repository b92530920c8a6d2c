import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { type InvocationEvents, invocationOf } from "@lambdallm/core/feature";
import type { LocalBedrock, Reply } from "@lambdallm/local";
import retryFallback from "@lambdallm/retry-fallback";
import { middyMajors } from "../../../test-support/middy.ts";
import timeoutGuard, { type TimeoutGuardOptions } from "../src/index.ts";
import {
  failureOf,
  type HandlerContext,
  HOUR_MS,
  type Middy,
  MODEL,
  operations,
  provider,
  question,
  readAll,
  retryOnce,
  run,
  start,
  unfinished,
} from "./support.ts";

const NOTHING = { latencyMs: HOUR_MS };
const WORDS_THEN_NOTHING = { tokenDelayMs: HOUR_MS };
/** What a healthy answer needs on a loaded machine is less. */
const LIMIT_MS = 3_000;

interface Lab {
  readonly middy: Middy;
  readonly local: LocalBedrock;
  reply: Reply;
}
let labs: readonly Lab[];

beforeAll(async () => {
  labs = await Promise.all(middyMajors.map(([, middy]) => open(middy)));
});
beforeEach(() => {
  for (const lab of labs) {
    lab.local.reset();
    lab.reply = "One two three";
  }
});
afterAll(() => Promise.all(labs.map(({ local }) => local.close())));

async function open(middy: Middy): Promise<Lab> {
  const local = await start({ respond: () => lab.reply });
  const lab: Lab = { middy, local, reply: "Ready" };
  // The first call of a process takes longest, and is none of a test's.
  await run(middy, [provider(local)], async ({ invoke }) => invoke("Ready?"));
  return lab;
}

/** On every Middy, side by side: these tests wait for most of their time. */
function onEachMiddy(promise: string, check: (lab: Lab) => Promise<void>) {
  test(`On every Middy ${promise}`, async () => {
    await Promise.all(labs.map(check));
  });
}

function guarded<Result>(
  { middy, local }: Lab,
  options: TimeoutGuardOptions,
  handler: (context: HandlerContext) => Promise<Result>,
): Promise<Result> {
  return run(
    middy,
    [provider(local), retryOnce, timeoutGuard(options)],
    handler,
  );
}

onEachMiddy(
  "a model that does not begin is given up, and asked again by the retries above",
  async (lab) => {
    const { local } = lab;
    local.setFaults([NOTHING]);
    const failed: InvocationEvents["attempt-error"][] = [];
    const { response, metrics } = await guarded(
      lab,
      { firstTokenTimeoutMs: LIMIT_MS },
      async (context) => {
        invocationOf(context).events.on("attempt-error", (event) =>
          failed.push(event),
        );
        const answer = await context.converse({ messages: question() });
        return { response: answer, metrics: context.metrics };
      },
    );
    expect(response).toMatchObject({
      text: "One two three",
      stopReason: "end_turn",
      attempts: 2,
    });
    expect(operations(local)).toEqual(["ConverseStream", "ConverseStream"]);
    expect(await local.requests[0]?.closed).toMatchObject({ byClient: true });
    expect(failed.map(({ error }) => error)).toEqual([
      expect.objectContaining({
        name: "ModelInvocationError",
        message: `The model did not begin to answer within ${LIMIT_MS} ms (firstTokenTimeoutMs).`,
        reason: "stalled",
        model: MODEL,
        retryable: true,
        billed: "unknown",
        statusCode: 502,
      }),
    ]);
    // Nobody knows what the first attempt was billed.
    expect(metrics).toMatchObject({
      attempts: 2,
      failedAttempts: 1,
      usage: { estimated: true },
    });
  },
);

onEachMiddy(
  "a silent model is replaced by the fallback of retryFallback",
  async (lab) => {
    const { local } = lab;
    const fallbackModel = "amazon.nova-lite-v1:0";
    local.setFaults(({ modelId }) =>
      modelId === fallbackModel ? undefined : NOTHING,
    );
    const response = await run(
      lab.middy,
      [
        provider(local),
        timeoutGuard({ firstTokenTimeoutMs: LIMIT_MS }),
        retryFallback({ maxRetries: 0, fallbackModel }),
      ],
      async ({ converse }) => converse({ messages: question() }),
    );
    expect(response).toMatchObject({ text: "One two three", attempts: 2 });
    expect(local.requests.map(({ modelId }) => modelId)).toEqual([
      MODEL,
      fallbackModel,
    ]);
  },
);

onEachMiddy(
  "a model that stops in the middle is given up, with what it is billed for",
  async (lab) => {
    const { local } = lab;
    lab.reply = unfinished("One two");
    local.setFaults([WORDS_THEN_NOTHING, WORDS_THEN_NOTHING]);
    const { error, metrics } = await guarded(
      lab,
      { betweenTokensTimeoutMs: LIMIT_MS },
      async (context) => ({
        error: await failureOf(context.invoke("Count")),
        metrics: context.metrics,
      }),
    );
    expect(error).toMatchObject({
      message: `The model stopped answering for ${LIMIT_MS} ms (betweenTokensTimeoutMs).`,
      reason: "stalled",
      retryable: true,
      billed: "partial",
      partial: { text: "One two", usage: { estimated: true, outputTokens: 2 } },
    });
    // The caller has seen none of it, so there was a second attempt.
    expect(metrics).toMatchObject({
      attempts: 2,
      failedAttempts: 2,
      usage: { outputTokens: 4 },
    });
  },
);

onEachMiddy(
  "a model that stops within its thoughts is given up, and the caller hears only what it asked for",
  async (lab) => {
    const { local } = lab;
    const reasoningContent = { text: "Let me think" };
    lab.reply = {
      content: [],
      rawEvents: [
        {
          type: "contentBlockDelta",
          payload: { contentBlockIndex: 0, delta: { reasoningContent } },
        },
        { type: "contentBlockStop", payload: { contentBlockIndex: 0 } },
      ],
    };
    local.setFaults([WORDS_THEN_NOTHING]);
    const heard: string[] = [];
    await guarded(
      lab,
      { firstTokenTimeoutMs: LIMIT_MS, betweenTokensTimeoutMs: LIMIT_MS },
      async ({ converse }) => {
        const call = converse({
          messages: question(),
          deltas: ["text"],
          onDelta: ({ kind }) => heard.push(kind),
        });
        while (local.requests.length < 1)
          await new Promise((resolve) => setTimeout(resolve, 5));
        lab.reply = "One two three";
        return call;
      },
    );
    expect(local.requests).toHaveLength(2);
    expect(new Set(heard)).toEqual(new Set(["text"]));
  },
);

onEachMiddy(
  "hidden thoughts and citations are signs of life, however long they take altogether",
  async (lab) => {
    const { local } = lab;
    const pieceMs = 100;
    // Of each; both together take longer than the limit.
    const count = Math.ceil((0.65 * LIMIT_MS) / pieceMs);
    const delta = (index: number, content: object) => ({
      type: "contentBlockDelta",
      payload: { contentBlockIndex: index, delta: content },
    });
    const stop = (index: number) => ({
      type: "contentBlockStop",
      payload: { contentBlockIndex: index },
    });
    // Base64 of one byte.
    const hidden = { reasoningContent: { redactedContent: "AA==" } };
    const citation = { citation: { title: "One", location: {} } };
    lab.reply = {
      content: [],
      rawEvents: [
        { type: "messageStart", payload: { role: "assistant" } },
        ...Array.from({ length: count }, () => delta(0, hidden)),
        stop(0),
        ...Array.from({ length: count }, () => delta(1, citation)),
        delta(1, { text: "One two three" }),
        stop(1),
        { type: "messageStop", payload: { stopReason: "end_turn" } },
      ],
    };
    local.setFaults([{ tokenDelayMs: pieceMs }]);
    const response = await guarded(
      lab,
      { firstTokenTimeoutMs: LIMIT_MS, betweenTokensTimeoutMs: LIMIT_MS },
      async ({ converse }) => converse({ messages: question() }),
    );
    expect(response).toMatchObject({ text: "One two three", attempts: 1 });
    expect(response.latencyMs).toBeGreaterThan(LIMIT_MS);
  },
);

onEachMiddy(
  "answers that come in time are what they are without a guard",
  async (lab) => {
    const { local } = lab;
    const limits = {
      firstTokenTimeoutMs: HOUR_MS,
      betweenTokensTimeoutMs: Number.MAX_SAFE_INTEGER,
    };
    lab.reply = { content: [{ text: '{"title": "One"}' }] };
    const answers = await guarded(lab, limits, async (context) => {
      const schema = { title: "string" } as const;
      const options = { model: "meta.llama3-8b-instruct-v1:0" };
      return Promise.all([
        context.invoke("Count"),
        readAll(context.stream("Count")),
        context.invokeStructured("Count", schema, {}, options),
        context.streamStructured("Count", schema, {}, options).object,
      ]);
    });
    expect(answers).toEqual([
      '{"title": "One"}',
      '{"title": "One"}',
      { title: "One" },
      { title: "One" },
    ]);
    expect(local.requests).toHaveLength(4);
  },
);
