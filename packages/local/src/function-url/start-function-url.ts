import { randomUUID } from "node:crypto";
import http from "node:http";
import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { milliseconds, numberFrom, wholeNumberFrom } from "../checks.ts";
import { startServer } from "../http-server.ts";
import { isStreaming } from "./awslambda.ts";
import { type Authorizer, invoke, type LambdaHandler } from "./invocation.ts";

/** One line of an access log. */
export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly statusCode: number;
  readonly durationMs: number;
  readonly requestId: string;
}

export interface StartFunctionUrlOptions {
  /** 0 takes a free one. @default 0 */
  readonly port?: number;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** The function's timeout; Lambda's own default is 3,000, its maximum 900,000. @default 30_000 */
  readonly timeoutMs?: number;
  /** @default AWS_LAMBDA_FUNCTION_NAME, else "local" */
  readonly functionName?: string;
  /** @default 128 */
  readonly memoryLimitInMB?: number;
  /**
   * What AWS finds out about a caller before the handler sees his request: it is given the headers, and what it returns is
   * `requestContext.authorizer`. Nothing returned means that the caller may not: he gets 403, and the handler is not called.
   * @default none, as of a Function URL without IAM
   */
  readonly authorizer?: Authorizer;
  /**
   * Called after the answer to an invocation that ran out of time. Lambda kills the process then; a process cannot
   * kill one of its own functions, so this is the place to exit it.
   */
  readonly onTimeout?: () => void;
  /**
   * Time after the deadline in which nothing happens, for processes that somebody else ends.
   * @default 0
   * @internal
   */
  readonly graceMs?: number;
  /** Called when an answer is complete or was cut. */
  readonly onRequest?: (request: ServedRequest) => void;
  /** Takes the lines that Lambda would write to the function's log. @default stderr */
  readonly log?: (line: string) => void;
}

/** A running Function URL. */
export interface LocalFunctionUrl extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Destroys every connection and stops listening; handlers that still run are left alone. */
  close(): Promise<void>;
}

const LONGEST_TIMEOUT_MS = 900_000;

const checks: Readonly<Record<keyof StartFunctionUrlOptions, OptionCheck>> = {
  port: wholeNumberFrom(0, 65_535),
  host: check.text,
  timeoutMs: numberFrom(1, LONGEST_TIMEOUT_MS),
  functionName: check.text,
  memoryLimitInMB: check.positiveInteger,
  authorizer: check.function,
  onTimeout: check.function,
  graceMs: milliseconds,
  onRequest: check.function,
  log: check.function,
};

/**
 * Puts a Function URL (payload 2.0) in front of a handler: exact events, Lambda's context with a real deadline,
 * results, errors, timeouts and response streams as on Lambda. Requests run side by side in one process.
 *
 * @throws {ConfigurationError} naming the option that does not exist or has a wrong value.
 * @example
 * ```ts
 * import { startFunctionUrl } from "@lambdallm/local";
 * import { handler } from "./handler.ts";
 *
 * await using front = await startFunctionUrl(handler, { port: 3000 });
 * const response = await fetch(front.url, { method: "POST", body: "{}" });
 * ```
 */
export async function startFunctionUrl(
  handler: LambdaHandler,
  options: StartFunctionUrlOptions = {},
): Promise<LocalFunctionUrl> {
  validateOptions("startFunctionUrl", checks, options);
  checkHandler(handler);
  const closing = new AbortController();
  const facts = {
    handler,
    timeoutMs: options.timeoutMs ?? 30_000,
    graceMs: options.graceMs ?? 0,
    functionName:
      options.functionName ??
      process.env["AWS_LAMBDA_FUNCTION_NAME"] ??
      "local",
    memoryLimitInMB: options.memoryLimitInMB ?? 128,
    log: options.log ?? ((line) => void process.stderr.write(`${line}\n`)),
    authorizer: options.authorizer,
    onTimeout: options.onTimeout,
  };
  const server = http.createServer((request, response) => {
    const requestId = randomUUID();
    const startedAt = Date.now();
    response.once("close", () => {
      options.onRequest?.({
        method: String(request.method),
        path: String(request.url),
        statusCode: response.statusCode,
        durationMs: Date.now() - startedAt,
        requestId,
      });
    });
    response.setHeader("x-amzn-requestid", requestId);
    invoke(request, response, requestId, facts, closing.signal).catch(() => {
      // The client hung up in the middle of its request: nobody is left to answer.
    });
  });
  const running = await startServer(server, options);
  const close = async () => {
    closing.abort();
    await running.close();
  };
  return {
    url: `${running.url}/`,
    port: running.port,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function checkHandler(handler: LambdaHandler): void {
  if (typeof handler !== "function")
    throw new ConfigurationError(
      `startFunctionUrl: the handler must be a function, not ${typeof handler}.`,
    );
  if (handler.length >= 3 && !isStreaming(handler)) {
    const error = new Error(
      "The handler declares a callback (three parameters), which Lambda refuses from Node.js 24 on. Make it async and return the result.",
    );
    error.name = "Runtime.CallbackHandlerDeprecated";
    throw error;
  }
}
