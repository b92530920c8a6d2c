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
import { Model } from "@lambdallm/core";
import {
  installAwslambda,
  type LocalBedrock,
  startBedrock,
  startFunctionUrl,
} from "@lambdallm/local";
import retryFallback from "@lambdallm/retry-fallback";
import { MockLambdaContext } from "@lambdallm/testing";
import tracing from "@lambdallm/tracing";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor } from "@opentelemetry/sdk-trace";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import middy6 from "middy6";
import middy7 from "middy7";
import { executionModeStreamifyResponse } from "middy7/StreamifyResponse";
import { middyMajors } from "../../../test-support/middy.ts";
import { startCollector } from "./collector.ts";
import {
  attributesOf,
  type HandlerContext,
  type Middy,
  rejection,
  type Sdk,
  setUp,
  tearDown,
} from "./support.ts";

const MODEL = Model.CLAUDE_HAIKU_4_5;
const CHAT = `chat ${MODEL}`;

let local: LocalBedrock;
let sdk: Sdk;

beforeAll(async () => {
  local = await startBedrock({
    now: () => Date.UTC(2026, 10, 22),
    respond: () => ({ content: [{ text: "One two three four five." }] }),
  });
});
beforeEach(() => {
  local.reset();
  sdk = setUp();
});
afterEach(tearDown);
afterAll(() => local.close());

const provider = () =>
  bedrock({
    region: "us-east-1",
    clientConfig: {
      endpoint: local.url,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    },
  });

async function run<Result>(
  middy: Middy,
  handler: (context: HandlerContext) => Promise<Result>,
  isRetried = false,
): Promise<Result> {
  const chain = middy<object, Result, Error, HandlerContext>();
  chain.use({ ...provider() });
  chain.use({ ...tracing() });
  if (isRetried)
    chain.use({
      ...retryFallback({ maxRetries: 1, fallbackModel: Model.NOVA_LITE }),
    });
  chain.handler(async (_event, context) => handler(context));
  return (await chain({}, new MockLambdaContext())) as Result;
}

async function toText(stream: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of stream) text += piece;
  return text;
}

describe.each(middyMajors)("A stream on %s", (_name, middy) => {
  test("has a span until its last piece, which tells when its first one came", async () => {
    local.setFaults([{ tokenDelayMs: 5 }]);
    const before = await run(middy, async ({ stream }) => {
      const seen: number[] = [];
      for await (const _piece of stream("Hello")) seen.push(sdk.spans.length);
      return seen;
    });
    expect(before.length).toBeGreaterThan(1);
    expect(new Set(before)).toEqual(new Set([0]));
    expect(sdk.tree()).toEqual([`>${CHAT}`, "  attempt"]);
    const chat = sdk.span(CHAT);
    expect(attributesOf(chat)).toMatchObject({
      "gen_ai.request.stream": true,
      "gen_ai.response.time_to_first_chunk": expect.any(Number),
      "gen_ai.response.finish_reasons": ["end_turn"],
      "gen_ai.usage.input_tokens": expect.any(Number),
    });
    const first = Number(
      chat.attributes["gen_ai.response.time_to_first_chunk"],
    );
    const [seconds, nanos] = chat.duration;
    expect(first).toBeGreaterThanOrEqual(0);
    expect(first).toBeLessThan(seconds + nanos / 1e9);
  });

  test("that breaks off has one span, with what it has used so far", async () => {
    local.setFaults([
      { streamError: { name: "modelStreamErrorException", afterEvents: 3 } },
    ]);
    await run(middy, ({ stream }) => rejection(toText(stream("Hello"))));
    expect(sdk.tree()).toEqual([`>${CHAT}!`, "  attempt!"]);
    expect(attributesOf(sdk.span(CHAT))).toMatchObject({
      "error.type": "model-failed",
      "gen_ai.response.finish_reasons": ["error"],
      "gen_ai.usage.output_tokens": expect.any(Number),
    });
  });

  test("that its reader leaves has one span", async () => {
    local.setFaults([{ tokenDelayMs: 20 }]);
    await run(middy, async ({ stream }) => {
      for await (const _piece of stream("Hello")) break;
    });
    expect(sdk.tree()).toEqual([`>${CHAT}!`, "  attempt!"]);
    expect(sdk.span(CHAT).attributes["error.type"]).toBe("aborted");
  });
});

describe.each(middyMajors)("Attempts on %s", (_name, middy) => {
  test("are below their call, which has the tokens of all of them, and tells who was asked and who has answered", async () => {
    local.setFaults([
      { error: "ThrottlingException" },
      { error: "ServiceUnavailableException" },
    ]);
    const used = await run(
      middy,
      async (context) => {
        await context.invoke("Hello");
        return context.usage;
      },
      true,
    );
    expect(sdk.tree()).toEqual([
      `>${CHAT}`,
      "  attempt!",
      "  attempt!",
      "  attempt",
    ]);
    const attempts = sdk.spans.filter(({ name }) => name === "attempt");
    expect(attempts.map(attributesOf)).toStrictEqual([
      {
        "lambdallm.attempt": 1,
        "gen_ai.request.model": MODEL,
        "error.type": "throttled",
        "http.response.status_code": 429,
      },
      {
        "lambdallm.attempt": 2,
        "gen_ai.request.model": MODEL,
        "error.type": "unavailable",
        "http.response.status_code": 503,
      },
      { "lambdallm.attempt": 3, "gen_ai.request.model": Model.NOVA_LITE },
    ]);
    expect(attributesOf(sdk.span(CHAT))).toMatchObject({
      "gen_ai.request.model": MODEL,
      "gen_ai.response.model": `us.${Model.NOVA_LITE}`,
      "gen_ai.usage.input_tokens": used.inputTokens,
      "gen_ai.usage.output_tokens": used.outputTokens,
    });
  });
});

const streaming = {
  "Middy 6": () =>
    // Typed as 7, whose option has another name.
    (middy6 as unknown as typeof middy7)<
      APIGatewayProxyEventV2,
      unknown,
      Error,
      HandlerContext
    >({ streamifyResponse: true } as object),
  "Middy 7": () =>
    middy7<APIGatewayProxyEventV2, unknown, Error, HandlerContext>({
      executionMode: executionModeStreamifyResponse,
    }),
};

describe("A collector over HTTP", () => {
  let collector: Awaited<ReturnType<typeof startCollector>>;
  beforeEach(async () => {
    collector = await startCollector();
    const exporter = new OTLPTraceExporter({
      url: `${collector.url}/v1/traces`,
    });
    sdk = setUp({ spanProcessors: [new BatchSpanProcessor({ exporter })] });
  });
  afterEach(async () => {
    await sdk.provider.shutdown();
    await collector[Symbol.asyncDispose]();
  });

  test.each(["Middy 6", "Middy 7"] as const)(
    "has the spans when the last byte of a streamed body is sent, on %s",
    async (major) => {
      installAwslambda();
      const chain = streaming[major]()
        .use(provider())
        .use(tracing())
        .handler(async (_event, { stream }) => ({
          statusCode: 200,
          headers: { "content-type": "text/plain" },
          body: stream("Hello"),
        }));
      const url = await startFunctionUrl(chain as never, {
        timeoutMs: 60_000,
      });
      try {
        const answer = await fetch(url.url);
        expect(await answer.text()).toBe("One two three four five.");
      } finally {
        await url.close();
      }
      expect(collector.bodies).toHaveLength(1);
      const [{ resourceSpans }] = collector.bodies.map((body) =>
        JSON.parse(body),
      ) as [
        { resourceSpans: { scopeSpans: { spans: { name: string }[] }[] }[] },
      ];
      expect(
        resourceSpans[0]?.scopeSpans[0]?.spans.map(({ name }) => name),
      ).toEqual(["attempt", CHAT]);
    },
  );
});
