import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  expect,
} from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import {
  type BodyFormat,
  type LLMContext,
  toResponseBody,
} from "@lambdallm/core";
import { invocationOf, type MiddyMiddleware } from "@lambdallm/core/feature";
import type middy from "@middy/core";
import httpErrorHandler from "@middy/http-error-handler";
import { createParser } from "eventsource-parser";
import {
  installAwslambda,
  type LambdaHandler,
  type LocalBedrock,
  type LocalFunctionUrl,
  type Reply,
  type StreamEvent,
  startBedrock,
  startFunctionUrl,
} from "../src/index.ts";

export const PIECES: readonly string[] = ["Once", " upon\n\n", "a “time”"];
export const WHOLE: string = PIECES.join("");
/** Of that answer: messageStart, three deltas, contentBlockStop, messageStop, metadata. */
export const FIRST_DELTA = 2;
export const MESSAGE_STOP = 5;
export const METADATA = 6;

/** More than any test reads; the first event after `messageStart` is a text. */
export const ENDLESS: readonly StreamEvent[] = [
  { type: "messageStart", payload: { role: "assistant" } },
  ...Array.from({ length: 100_000 }, () => ({
    type: "contentBlockDelta",
    payload: { contentBlockIndex: 0, delta: { text: "tick " } },
  })),
];

export const TYPES: Readonly<Record<BodyFormat, string>> = {
  text: "text/plain; charset=utf-8",
  sse: "text/event-stream",
  ndjson: "application/x-ndjson",
};

export type Handle = (context: LLMContext) => Promise<unknown>;

export const tell = (format: BodyFormat): Handle => {
  return async ({ stream }) => ({
    statusCode: 200,
    body: toResponseBody(stream("Tell a tale"), { format }),
  });
};

/** A local Bedrock, and handlers behind a Function URL that stream what it answers. */
export class StreamingLab {
  bedrock: LocalBedrock | undefined;
  front: LocalFunctionUrl | undefined;
  reply: Reply = "";
  /** What went wrong in the bodies. */
  errors: unknown[] = [];
  /** How often invocations have ended. */
  flushed = 0;
  /** Lines of the function's log. */
  logged: string[] = [];

  /** Registers the hooks of the test file. */
  static open(): StreamingLab {
    const lab = new StreamingLab();
    beforeAll(async () => {
      installAwslambda();
      lab.bedrock = await startBedrock({
        respond: () => lab.reply,
        // The catalog's models end one day; these tests do not.
        now: () => Date.UTC(2026, 10, 22),
      });
    });
    beforeEach(() => {
      lab.local.reset();
      lab.reply = { content: [{ text: WHOLE }], chunks: PIECES };
      lab.errors = [];
      lab.flushed = 0;
      lab.logged = [];
    });
    afterEach(() => lab.front?.close());
    afterAll(() => lab.local.close());
    return lab;
  }

  get local(): LocalBedrock {
    if (this.bedrock === undefined) throw new Error("It has not started.");
    return this.bedrock;
  }

  provider() {
    return bedrock({
      region: "us-east-1",
      clientConfig: {
        endpoint: this.local.url,
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      },
    });
  }

  readonly watch: MiddyMiddleware = {
    before: async ({ context }) => {
      const invocation = invocationOf(context);
      invocation.events.on("body-error", ({ error }) =>
        this.errors.push(error),
      );
      invocation.addFinalizer(async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        this.flushed += 1;
      });
    },
  };

  /** A handler behind Middy in its streaming mode. */
  async streaming(major: string, handle: Handle): Promise<LambdaHandler> {
    // Both read the global `awslambda` when they are loaded.
    const chain =
      major === "6"
        ? (await import("middy6")).default({ streamifyResponse: true })
        : (await import("middy7")).default({
            executionMode: (await import("middy7/StreamifyResponse"))
              .executionModeStreamifyResponse,
          });
    // Typed as 7 in its standard mode: what differs is not used here.
    return (chain as unknown as ReturnType<typeof middy>)
      .use(httpErrorHandler({ logger: false }))
      .use(this.provider())
      .use(this.watch)
      .handler(async (_event, context) =>
        handle(context),
      ) as unknown as LambdaHandler;
  }

  /** The URL of such a handler. */
  async serve(major: string, handle: Handle): Promise<string> {
    this.front = await startFunctionUrl(await this.streaming(major, handle), {
      log: (line) => this.logged.push(line),
    });
    return this.front.url;
  }
}

export interface Parsed {
  readonly text: string;
  readonly objects: readonly unknown[];
  readonly done?: unknown;
  readonly error?: unknown;
}

/** Reads a body as its client would; what does not belong to its format fails the test. */
export function parse(format: BodyFormat, body: string): Parsed {
  if (format === "text") {
    const [, text = body, code, message] =
      /^(.*?)\n{1,2}\[(\w+)\] (.*)\n$/s.exec(body) ?? [];
    return { text, objects: [], ...(code && { error: { code, message } }) };
  }
  const records: Record<string, unknown>[] = [];
  if (format === "ndjson") {
    expect(body).toMatch(/\n$/);
    for (const line of body.slice(0, -1).split("\n"))
      records.push(JSON.parse(line));
  } else {
    expect(body).toMatch(/\n\n$/);
    createParser({
      onEvent: ({ event, data }) => {
        const record = JSON.parse(data);
        records.push(event === undefined ? record : { [event]: record });
      },
      onError: (error) => {
        throw error;
      },
    }).feed(body);
  }
  // Only the last record says how it ended.
  for (const record of records.slice(0, -1))
    expect(Object.keys(record).join()).toMatch(/^(text|object)$/);
  const { done, error } = records.at(-1) ?? {};
  return {
    text: records.map(({ text = "" }) => text).join(""),
    objects: records.flatMap(({ object }) => (object ? [object] : [])),
    ...(done !== undefined && { done }),
    ...(error !== undefined && { error }),
  };
}

export const done = (format: BodyFormat) =>
  format === "text" ? {} : { done: { stopReason: "end_turn" } };

export const failed = {
  error: { code: "MODEL_INVOCATION", message: expect.any(String) },
};
