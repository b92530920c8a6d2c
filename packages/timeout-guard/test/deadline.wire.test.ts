import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  test,
} from "@jest/globals";
import { invocationOf, type MiddyRequest } from "@lambdallm/core/feature";
import {
  type Fault,
  installAwslambda,
  type LambdaHandler,
  type LocalBedrock,
  type LocalFunctionUrl,
  startFunctionUrl,
} from "@lambdallm/local";
import httpErrorHandler from "@middy/http-error-handler";
import { rounds } from "../../../test-support/rounds.ts";
import timeoutGuard from "../src/index.ts";
import { type HandlerContext, HOUR_MS, provider, start } from "./support.ts";

const RUNS = rounds(40, 100);
const TIMEOUT_MS = 4_000;
/** Model calls stop after a second; the rest is for a machine that has a bad day. */
const BUFFER_MS = 3_000;
const ANSWER = Array.from({ length: 20 }, (_, word) => `word${word}`).join(" ");

let local: LocalBedrock;
let front: LocalFunctionUrl;
const logged: string[] = [];

beforeAll(async () => {
  // Middy reads the global `awslambda` when it is loaded.
  installAwslambda();
  local = await start({ respond: () => ANSWER });
});
afterEach(() => front.close());
afterAll(() => local.close());

/** Numbers from 0 to 1, the same ones each time. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** From an answer at once to none at all, with every kind of slowness between. */
function randomSlowness(seed: number): () => Fault {
  const random = numbers(seed);
  const below = (limitMs: number) => Math.floor(random() * limitMs);
  return () => {
    const kind = random();
    if (kind < 0.1) return {};
    if (kind < 0.2) return { latencyMs: HOUR_MS };
    if (kind < 0.3) return { latencyMs: below(200), tokenDelayMs: HOUR_MS };
    return { latencyMs: below(1_500), tokenDelayMs: below(150) };
  };
}

/** Where nobody listens, a failed body is written to the log. */
const unlogged = async ({ context }: MiddyRequest) => {
  invocationOf(context).events.on("body-error", () => {});
};

type Handle = (context: HandlerContext) => Promise<unknown>;
type Strategy = "fail-fast" | "truncate";
interface Chain {
  use(middleware: unknown): Chain;
  handler(
    handle: (event: unknown, context: HandlerContext) => unknown,
  ): unknown;
}

/** The same chain in both majors and both modes, whose types have little in common. */
async function lambda(
  major: string,
  mode: "buffered" | "streamed",
  strategy: Strategy,
  handle: Handle,
): Promise<LambdaHandler> {
  let chain: unknown;
  if (major === "6") {
    const { default: middy } = await import("middy6");
    chain = middy({ streamifyResponse: mode === "streamed" });
  } else {
    const { default: middy } = await import("middy7");
    const { executionModeStreamifyResponse } = await import(
      "middy7/StreamifyResponse"
    );
    chain = middy(
      mode === "streamed"
        ? { executionMode: executionModeStreamifyResponse }
        : {},
    );
  }
  return (chain as Chain)
    .use(httpErrorHandler({ logger: false }))
    .use(provider(local))
    .use(timeoutGuard({ strategy, bufferMs: BUFFER_MS }))
    .use({ before: unlogged })
    .handler(async (_event, context) => handle(context)) as LambdaHandler;
}

/** Runs a handler many times at once, behind a Function URL that kills what takes too long. */
async function answersOf(handler: LambdaHandler, seed: number) {
  logged.length = 0;
  local.reset();
  local.setFaults(randomSlowness(seed));
  front = await startFunctionUrl(handler, {
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

const textOf = async ({ invoke }: HandlerContext) => ({
  statusCode: 200,
  body: await invoke("Count"),
});
const streamOf = async ({ stream }: HandlerContext) => ({
  statusCode: 200,
  headers: { "content-type": "text/plain" },
  body: stream("Count"),
});
const startedStreamOf = async ({ stream }: HandlerContext) => {
  const body = stream("Count");
  await body.started;
  return { statusCode: 200, body };
};

describe.each(["6", "7"])(
  "On Middy %s, every one of many invocations at once is answered before its kill",
  (major) => {
    test("buffered, fail-fast: with the whole answer or a 504", async () => {
      const handler = await lambda(major, "buffered", "fail-fast", textOf);
      const answers = await answersOf(handler, 1);
      const whole = answers.filter(({ body }) => body === ANSWER);
      const late = answers.filter(({ status }) => status === 504);
      expect(logged).toEqual([]);
      expect(whole.length + late.length).toBe(RUNS);
      expect(whole.length).toBeGreaterThan(0);
      expect(late.length).toBeGreaterThan(0);
    });

    test("buffered, truncate: with what there is of the answer, or a 504 when that is nothing", async () => {
      const handler = await lambda(major, "buffered", "truncate", textOf);
      const answers = await answersOf(handler, 2);
      expect(logged).toEqual([]);
      for (const { status, body } of answers)
        if (status !== 504) {
          expect(status).toBe(200);
          expect(body).not.toBe("");
          expect(ANSWER.startsWith(body)).toBe(true);
        }
      const lengths = new Set(answers.map(({ body }) => body.length));
      expect(lengths.size).toBeGreaterThan(3);
    });

    test("streamed, fail-fast: with the whole answer, or an error as its last record", async () => {
      const handler = await lambda(major, "streamed", "fail-fast", streamOf);
      const answers = await answersOf(handler, 3);
      expect(logged).toEqual([]);
      for (const { status, body } of answers) {
        expect(status).toBe(200);
        const [text = "", record] = body.split("\n[INVOCATION_TIMEOUT] ");
        if (record === undefined) expect(text).toBe(ANSWER);
        else expect(ANSWER.startsWith(text.trimEnd())).toBe(true);
      }
      expect(answers.some(({ body }) => body === ANSWER)).toBe(true);
      expect(answers.some(({ body }) => body !== ANSWER)).toBe(true);
    });

    test("streamed, truncate: with what there is of the answer, or a 504 when that is nothing", async () => {
      const handler = await lambda(
        major,
        "streamed",
        "truncate",
        startedStreamOf,
      );
      const answers = await answersOf(handler, 4);
      expect(logged).toEqual([]);
      for (const { status, body } of answers)
        if (status !== 504) {
          expect(status).toBe(200);
          expect(ANSWER.startsWith(body)).toBe(true);
        }
      const lengths = new Set(answers.map(({ body }) => body.length));
      expect(lengths.size).toBeGreaterThan(3);
    });
  },
);
