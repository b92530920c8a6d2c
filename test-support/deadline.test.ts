import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import { Model, toResponseBody, type WithLLM } from "@lambdallm/core";
import { invocationOf, type MiddyRequest } from "@lambdallm/core/feature";
import {
  type Fault,
  installAwslambda,
  type LambdaHandler,
  type LocalBedrock,
  type LocalFunctionUrl,
  startBedrock,
  startFunctionUrl,
} from "@lambdallm/local";
import retryFallback, { resetRetryState } from "@lambdallm/retry-fallback";
import router from "@lambdallm/router";
import timeoutGuard from "@lambdallm/timeout-guard";
import httpErrorHandler from "@middy/http-error-handler";
import { rounds } from "./rounds.ts";

const RUNS = rounds(40, 100);
const TIMEOUT_MS = 4_000;
/** Model calls stop after a second; the rest is for a machine that has a bad day. */
const BUFFER_MS = 3_000;
const HOUR_MS = 3_600_000;
const ANSWER = Array.from({ length: 20 }, (_, word) => `word${word}`).join(" ");

let local: LocalBedrock;
let front: LocalFunctionUrl;
let flushed = 0;
const logged: string[] = [];

beforeAll(async () => {
  // Middy reads the global `awslambda` when it is loaded.
  installAwslambda();
  local = await startBedrock({
    // The catalog's models end one day; these tests do not.
    now: () => Date.UTC(2026, 10, 22),
    respond: () => ANSWER,
  });
});
beforeEach(() => {
  resetRetryState();
  local.reset();
  local.setFaults(everythingThatGoesWrong(1));
  logged.length = 0;
  flushed = 0;
});
afterEach(() => front.close());
afterAll(() => local.close());

/** Errors of every kind, slowness and silences, the same ones each time. */
function everythingThatGoesWrong(seed: number): () => Fault {
  let state = seed;
  const random = () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
  const faults: readonly (() => Fault)[] = [
    () => ({}),
    () => ({ error: "ThrottlingException" }),
    () => ({ error: "ThrottlingException", retryAfterSeconds: 20 }),
    () => ({ error: "ServiceUnavailableException" }),
    () => ({
      error: "ResourceNotFoundException",
      message: "This model version has reached the end of its life.",
    }),
    () => ({ cut: "before" }),
    () => ({ cut: "body", afterEvents: 3, midFrame: true }),
    () => ({ streamError: { name: "throttlingException" } }),
    () => ({ latencyMs: HOUR_MS }),
    () => ({ tokenDelayMs: HOUR_MS }),
    () => ({ latencyMs: random() * 500, tokenDelayMs: random() * 100 }),
  ];
  return () => faults[Math.floor(random() * faults.length)]?.() ?? {};
}

const watch = async ({ context }: MiddyRequest) => {
  const invocation = invocationOf(context);
  // Where nobody listens, a failed body is written to the log.
  invocation.events.on("body-error", () => {});
  invocation.addFinalizer(() => {
    flushed += 1;
  });
};

interface Chain {
  use(middleware: unknown): Chain;
  handler(handle: (event: unknown, context: WithLLM) => unknown): unknown;
}

/** The same chain in both majors and both modes, whose types have little in common. */
async function chainOf(major: string, streamed: boolean): Promise<Chain> {
  if (major === "6") {
    const { default: middy } = await import("middy6");
    return middy({ streamifyResponse: streamed }) as unknown as Chain;
  }
  const { default: middy } = await import("middy7");
  const { executionModeStreamifyResponse } = await import(
    "middy7/StreamifyResponse"
  );
  return middy(
    streamed ? { executionMode: executionModeStreamifyResponse } : {},
  ) as unknown as Chain;
}

async function answersOf(
  major: string,
  streamed: boolean,
  handle: (context: WithLLM) => Promise<unknown>,
) {
  const handler = (await chainOf(major, streamed))
    .use(httpErrorHandler({ logger: false }))
    .use(
      bedrock({
        region: "us-east-1",
        clientConfig: {
          endpoint: local.url,
          credentials: { accessKeyId: "local", secretAccessKey: "local" },
        },
      }),
    )
    .use(
      retryFallback({
        baseDelayMs: 20,
        throttledBaseDelayMs: 50,
        minAttemptMs: 100,
        fallbackModels: [Model.NOVA_LITE, Model.NOVA_PRO],
        circuit: false,
      }),
    )
    .use(
      timeoutGuard({
        strategy: "truncate",
        bufferMs: BUFFER_MS,
        adaptMaxTokens: true,
      }),
    )
    .use(router({ models: [Model.CLAUDE_HAIKU_4_5, Model.CLAUDE_SONNET_4_6] }))
    .use({ before: watch })
    .handler(async (_event, context) => handle(context));
  // Middy's handler in either mode is what the runtime calls.
  front = await startFunctionUrl(handler as LambdaHandler, {
    timeoutMs: TIMEOUT_MS,
    log: (line) => logged.push(line),
  });
  return Promise.all(
    Array.from({ length: RUNS }, async () => {
      const response = await fetch(front.url);
      return { status: response.status, body: await response.text() };
    }),
  );
}

/** Errors that end a call when nothing else helps. 500 is what a caller is told of a model that has ended: that is a matter of the set-up. */
const ERRORS: readonly number[] = [500, 502, 503, 504];

describe.each(["6", "7"])(
  "On Middy %s, with router, retries and timeout guard, whatever goes wrong, every one of many invocations at once is answered before its kill",
  (major) => {
    test("buffered: with the answer, the text so far, or an error", async () => {
      const answers = await answersOf(major, false, async ({ llm }) => ({
        statusCode: 200,
        body: await llm.invoke("Count"),
      }));
      expect(logged).toEqual([]);
      expect(flushed).toBe(RUNS);
      for (const { status, body } of answers)
        if (status === 200) expect(ANSWER.startsWith(body)).toBe(true);
        else expect(ERRORS).toContain(status);
      expect(answers.some(({ body }) => body === ANSWER)).toBe(true);
      // More requests than invocations: there was something to retry.
      expect(local.requests.length).toBeGreaterThan(RUNS);
    });

    test("streamed: with a body that says how it ended", async () => {
      const answers = await answersOf(major, true, async ({ llm }) => ({
        statusCode: 200,
        body: toResponseBody(llm.stream("Count"), { format: "ndjson" }),
      }));
      expect(logged).toEqual([]);
      expect(flushed).toBe(RUNS);
      const ends = new Set<string>();
      for (const { status, body } of answers) {
        expect(status).toBe(200);
        const lines = body.trimEnd().split("\n");
        const records = lines.map((line): object => JSON.parse(line));
        const text = records
          .flatMap((record) => ("text" in record ? [record.text] : []))
          .join("");
        expect(ANSWER.startsWith(text)).toBe(true);
        const [end = "none"] = Object.keys(records.at(-1) ?? {});
        ends.add(end);
        if (body.includes('"end_turn"')) expect(text).toBe(ANSWER);
      }
      expect(ends).toEqual(new Set(["done", "error"]));
      expect(local.requests.length).toBeGreaterThan(RUNS);
    });
  },
);
