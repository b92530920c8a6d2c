import type { IncomingMessage, ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import { ConfigurationError } from "@lambdallm/core";
import { isObject, isThenable } from "@lambdallm/core/feature";
import { highWaterMarkOf, isStreaming } from "./awslambda.ts";
import {
  type FunctionContext,
  type FunctionFacts,
  functionContext,
} from "./function-context.ts";
import { type FunctionEvent, functionEvent } from "./function-event.ts";
import { answerOfResult, BadResult } from "./function-result.ts";
import { ResponseStream } from "./response-stream.ts";
import { fail, send, sendJson } from "./send.ts";
import { traceOf } from "./trace.ts";

/** A Lambda handler, streaming or not. Parameters of any type: the event is what the caller sends. */
export type LambdaHandler = (...parameters: never[]) => unknown;

/** Undefined for a caller who may not. */
export type Authorizer = (
  headers: Readonly<Record<string, string>>,
) => object | undefined | Promise<object | undefined>;

type AnyHandler = (
  event: FunctionEvent,
  second: FunctionContext | ResponseStream,
  third?: FunctionContext,
) => unknown;

/** The size of an event that Lambda takes. */
const REQUEST_LIMIT_BYTES = 6_291_456;

export interface InvocationOptions extends FunctionFacts {
  readonly handler: LambdaHandler;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly log: (line: string) => void;
  readonly authorizer: Authorizer | undefined;
  readonly onTimeout: (() => void) | undefined;
}

/** One request: invokes the handler under its deadline and answers. */
export async function invoke(
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
  options: InvocationOptions,
  closing: AbortSignal,
): Promise<void> {
  const body = await bodyOf(request);
  const facts = { requestId, now: Date.now() };
  const received = functionEvent(request, body, facts);
  const trace = traceOf(String(received.headers["x-amzn-trace-id"]));
  response.setHeader("x-amzn-trace-id", trace);
  if (Buffer.byteLength(JSON.stringify(received)) > REQUEST_LIMIT_BYTES)
    return sendJson(response, 413, {
      message: `Request must be smaller than ${REQUEST_LIMIT_BYTES} bytes for the InvokeFunction operation`,
    });
  let event: FunctionEvent | undefined;
  try {
    event = await authorized(received, options.authorizer);
  } catch (error) {
    logFailure(error, requestId, options.log);
    return fail(response);
  }
  if (event === undefined)
    return sendJson(response, 403, { Message: "Forbidden" });
  const deadline = Date.now() + options.timeoutMs;
  const context = functionContext(options, requestId, deadline, trace);
  const running = isStreaming(options.handler)
    ? stream(options.handler, event, context, response)
    : buffer(options.handler, event, context, response);
  try {
    await withDeadline(running, options, closing);
  } catch (error) {
    logFailure(error, requestId, options.log);
    fail(response);
    if (error instanceof TimedOut) afterAnswer(response, options.onTimeout);
  }
}

/** The event with what the authorizer says about the caller; undefined when he may not. */
async function authorized(
  event: FunctionEvent,
  authorizer: Authorizer | undefined,
): Promise<FunctionEvent | undefined> {
  if (authorizer === undefined) return event;
  const caller = await authorizer(event.headers);
  if (caller === undefined) return undefined;
  if (!isObject(caller))
    throw new ConfigurationError(
      "startFunctionUrl: the authorizer must return an object, or undefined for a caller who may not.",
    );
  const requestContext = { ...event.requestContext, authorizer: caller };
  return { ...event, requestContext };
}

async function buffer(
  handler: LambdaHandler,
  event: FunctionEvent,
  context: FunctionContext,
  response: ServerResponse,
): Promise<void> {
  const result = await (handler as unknown as AnyHandler)(event, context);
  send(response, answerOfResult(result));
}

async function stream(
  handler: LambdaHandler,
  event: FunctionEvent,
  context: FunctionContext,
  response: ServerResponse,
): Promise<void> {
  const sink = new ResponseStream(
    {
      start: (statusCode, headers) => {
        response.writeHead(statusCode, { ...headers });
        response.flushHeaders();
      },
      write: (chunk, done) => writeUnlessGone(response, chunk, done),
    },
    highWaterMarkOf(handler),
  );
  const ended = finished(sink, { readable: false });
  // Awaited below; it may fail before the handler does.
  ended.catch(() => {});
  const running = (handler as unknown as AnyHandler)(event, sink, context);
  if (!isThenable(running))
    throw new Error("Streaming does not support non-async handlers.");
  await running;
  await ended;
  response.end();
}

/** Somebody who hung up does not stop the function: its chunks are thrown away. */
function writeUnlessGone(
  response: ServerResponse,
  chunk: Uint8Array,
  done: () => void,
): void {
  if (response.destroyed || response.write(chunk)) {
    done();
    return;
  }
  const go = () => {
    response.off("drain", go);
    response.off("close", go);
    done();
  };
  response.once("drain", go);
  response.once("close", go);
}

/** Who exits the process at the deadline must not take the answer with it. */
function afterAnswer(
  response: ServerResponse,
  action: (() => void) | undefined,
): void {
  if (action === undefined) return;
  if (response.closed) action();
  else response.once("close", action);
}

class TimedOut extends Error {}

async function withDeadline(
  running: Promise<void>,
  { timeoutMs, graceMs }: InvocationOptions,
  closing: AbortSignal,
): Promise<void> {
  const { promise, reject, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () =>
      reject(
        new TimedOut(
          `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
        ),
      ),
    timeoutMs + graceMs,
  );
  const stop = () => resolve();
  closing.addEventListener("abort", stop);
  try {
    await Promise.race([running, promise]);
  } finally {
    clearTimeout(timer);
    closing.removeEventListener("abort", stop);
    // What a handler does after its time has no reader any more.
    running.catch(() => {});
  }
}

function logFailure(
  error: unknown,
  requestId: string,
  log: (line: string) => void,
): void {
  const time = new Date().toISOString();
  if (error instanceof TimedOut) {
    log(`${time} ${requestId} ${error.message}`);
    return;
  }
  const details =
    error instanceof Error
      ? {
          errorType: error.name,
          errorMessage: error.message,
          stack: String(error.stack).split("\n"),
        }
      : { errorType: typeof error, errorMessage: String(error), stack: [] };
  const title = error instanceof BadResult ? error.name : "Invoke Error";
  log(`${time}\t${requestId}\tERROR\t${title}\t${JSON.stringify(details)}`);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // One byte too many is enough to refuse it; the rest is read and thrown away.
    if (size <= REQUEST_LIMIT_BYTES + chunk.length) chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
