import { randomUUID } from "node:crypto";
import { findModel } from "@lambdallm/core";
import { isObject } from "@lambdallm/core/feature";
import { defined, type JsonObject, stringAt } from "../json.ts";
import { type Answer, echoOf } from "./answer.ts";
import { factsOf, serviceErrorOf } from "./backend.ts";
import { withCachePoints } from "./cache-control.ts";
import { countTokens } from "./count-tokens.ts";
import type { Exchange } from "./exchange.ts";
import type { Fault } from "./fault.ts";
import { faultyFrames, lowerFirst } from "./faulty-frames.ts";
import { exceptionFrame } from "./frames.ts";
import type { Meter, MeteredCall } from "./meter.ts";
import { nativeFormat } from "./native.ts";
import { regionOf, requestOf } from "./request.ts";
import { ServiceError } from "./service-error.ts";
import type { RecordedRequest, StreamEvent } from "./types.ts";
import { validateConverse, validateModel } from "./validate.ts";
import { toWire } from "./wire-json.ts";

/** Everything needed to answer one request. */
export interface Job {
  readonly exchange: Exchange;
  readonly recorded: RecordedRequest;
  readonly bodySize: number | "too-large";
  readonly fault: Fault;
  readonly meter: Meter;
  readonly now: () => number;
}

/** Answers one request, with its fault. Never rejects: what goes wrong is an answer, too. */
export async function serve(job: Job): Promise<void> {
  const { exchange, fault } = job;
  await exchange.sleep(fault.latencyMs);
  if (fault.cut === "before") return exchange.cut();
  try {
    throwFault(fault);
    if (fault.body !== undefined || (fault.status ?? 200) >= 400)
      await sendBody(job, fault.status ?? 500, {}, fault.body ?? "");
    else await answer(job);
  } catch (error) {
    await sendError(job, serviceErrorOf(error));
  }
}

function throwFault(fault: Fault): void {
  if (fault.error === undefined || fault.body !== undefined) return;
  const { error, status, message, retryAfterSeconds } = fault;
  const { originalStatusCode, resourceName, originalMessage } = fault;
  throw new ServiceError(
    error,
    defined({
      status,
      message,
      retryAfterSeconds,
      originalStatusCode,
      resourceName,
      originalMessage,
    }),
  );
}

async function answer(job: Job): Promise<void> {
  const { recorded, exchange } = job;
  if (job.bodySize === "too-large")
    throw new ServiceError("RequestEntityTooLargeException");
  const { operation, modelId, body } = recorded;
  if (operation === undefined || modelId === undefined)
    throw new ServiceError("UnknownOperationException");
  const region = regionOf(stringAt(recorded.headers, "authorization"));
  const now = job.now();
  const model = findModel(modelId, defined({ region, now }));
  validateModel(modelId, model, { region, now, operation });
  if (!isObject(body)) throw new ServiceError("SerializationException");
  if (operation === "CountTokens")
    return sendJson(job, countTokens(body, modelId, exchange.signal));
  const native =
    operation === "InvokeModel" ? nativeFormat(modelId, body) : undefined;
  const converse = native?.toConverse(body) ?? body;
  validateConverse({ body: converse, modelId, model, operation });
  const request = requestOf(
    native === undefined ? body : withCachePoints(body, converse),
    { operation, modelId, signal: exchange.signal, rawBody: body },
  );
  const { closed } = exchange;
  const call = job.meter.start(request, { model, region, closed });
  const startedAt = performance.now();
  const metadata = () => ({
    metrics: { latencyMs: Math.round(performance.now() - startedAt) },
    ...echoOf(body),
  });
  if (operation === "ConverseStream") return sendStream(job, call, metadata);
  const written = await call.answer();
  if (native === undefined)
    return sendJson(job, converseBody(written, metadata()));
  await sendJson(job, native.fromAnswer(written, modelId), {
    ...tokenHeaders(written),
    "x-amzn-bedrock-invocation-latency": String(metadata().metrics.latencyMs),
  });
}

function tokenHeaders({ usage }: Answer): Record<string, string> {
  const counts = defined({
    input: usage.inputTokens,
    output: usage.outputTokens,
    "cache-read-input": usage.cacheReadInputTokens,
    "cache-write-input": usage.cacheWriteInputTokens,
  });
  return Object.fromEntries(
    Object.entries(counts).map(([kind, count]) => [
      `x-amzn-bedrock-${kind}-token-count`,
      String(count),
    ]),
  );
}

function converseBody(written: Answer, metadata: object): JsonObject {
  const { content, rawOutput, stopReason, usage } = written;
  const { additionalModelResponseFields } = written;
  return defined({
    output: toWire(rawOutput ?? { message: { role: "assistant", content } }),
    stopReason,
    usage,
    additionalModelResponseFields,
    ...metadata,
    ...factsOf(written),
  });
}

async function sendJson(
  job: Job,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { fault } = job;
  await sendBody(
    job,
    fault.status ?? 200,
    { "content-type": "application/json", ...headers },
    fault.garbage === true ? "\u0000 no JSON" : JSON.stringify(body),
  );
}

async function sendError(job: Job, error: ServiceError): Promise<void> {
  await sendBody(
    job,
    error.status,
    {
      "content-type": "application/json",
      "x-amzn-errortype": error.name,
      ...(error.retryAfterSeconds !== undefined && {
        "retry-after": String(error.retryAfterSeconds),
      }),
    },
    JSON.stringify({ message: error.message, ...error.extra }),
  );
}

async function sendBody(
  { exchange, fault }: Job,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<void> {
  const bytes = Buffer.from(body, "utf8");
  exchange.start(status, {
    ...(fault.retryAfterSeconds !== undefined && {
      "retry-after": String(fault.retryAfterSeconds),
    }),
    ...commonHeaders(fault, headers),
    "content-length": String(bytes.length),
  });
  const { cut } = fault;
  if (cut !== "headers")
    await exchange.write(
      cut === "body" ? bytes.subarray(0, bytes.length >> 1) : bytes,
    );
  if (cut === "after") await exchange.end();
  if (cut !== undefined) return exchange.cut();
  await exchange.end();
}

function commonHeaders(
  fault: Fault,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    "x-amzn-requestid": randomUUID(),
    ...headers,
    ...Object.fromEntries(
      Object.entries(fault.headers ?? {}).map(([name, value]) => [
        name.toLowerCase(),
        value,
      ]),
    ),
  };
}

async function sendStream(
  job: Job,
  call: MeteredCall,
  metadata: () => object,
): Promise<void> {
  const { exchange, fault } = job;
  const events = call.stream(metadata);
  // An answer that fails before its first event is an ordinary error response.
  const first = await events.next();
  exchange.start(200, {
    ...commonHeaders(fault, {}),
    "content-type": "application/vnd.amazon.eventstream",
  });
  const frames = faultyFrames(resumed(first, events), fault);
  try {
    let piece = await frames.next();
    while (piece.done !== true) {
      if (piece.value.kind === "event") {
        if (exchange.eventsSent > 0) await exchange.sleep(fault.tokenDelayMs);
        if (exchange.signal.aborted) return;
        exchange.eventsSent++;
      }
      await exchange.write(piece.value.bytes);
      piece = await frames.next();
    }
    if (piece.value === "cut") {
      if (fault.cut === "after") await exchange.end();
      return exchange.cut();
    }
  } catch (error) {
    const { name, message, extra } = serviceErrorOf(error);
    await exchange.write(
      exceptionFrame(lowerFirst(name), { message, ...extra }),
    );
  } finally {
    // The writer of the answer must hear that nobody reads any more.
    await events.return(undefined);
  }
  await exchange.end();
}

async function* resumed(
  first: IteratorResult<StreamEvent>,
  rest: AsyncIterator<StreamEvent>,
): AsyncGenerator<StreamEvent> {
  for (let step = first; step.done !== true; step = await rest.next())
    yield step.value;
}
