import type { IncomingMessage, ServerResponse } from "node:http";
import { parseJson } from "../json.ts";
import type { Execution } from "./execution.ts";
import { LambdaError } from "./lambda-error.ts";
import type { Ledger } from "./ledger.ts";
import { errorOf } from "./updates.ts";

/** A whole checkpoint is smaller: the SDK sends 750 KB at a time, or one operation. */
const BODY_BYTES = 6_291_456;

interface Call {
  readonly body: string;
  readonly query: URLSearchParams;
}

/** The operations of Lambda's API that durable functions and those who answer them use. */
export class DurableApi {
  readonly #executions: readonly Execution[];

  constructor(executions: readonly Execution[]) {
    this.#executions = executions;
  }

  /** Answers one request. Never rejects. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    try {
      const body = await bodyOf(request);
      send(response, 200, {}, this.#answer(request, body));
    } catch (error) {
      const { name, status, message } = lambdaErrorOf(error);
      const headers = { "x-amzn-errortype": name };
      const Type = status < 500 ? "User" : "Service";
      send(response, status, headers, { Type, message });
    }
  }

  #answer(request: IncomingMessage, body: string): object {
    // A request that a server has received has a URL.
    const url = new URL(String(request.url), "http://localhost");
    const [, version, kind, id, action] = url.pathname.split("/");
    const operation = `${version} ${request.method} ${kind} ${action}`;
    const serve = this.#operations[operation];
    if (serve === undefined)
      throw new LambdaError(
        "UnknownOperationException",
        `The local durable functions have no ${request.method} ${url.pathname}.`,
      );
    return serve(decodeURIComponent(String(id)), {
      body,
      query: url.searchParams,
    });
  }

  readonly #operations: Readonly<
    Record<string, (id: string, call: Call) => object>
  > = {
    "2025-12-01 POST durable-executions checkpoint": (arn, { body }) =>
      this.#execution(arn).checkpoint(parsed(body)),
    "2025-12-01 GET durable-executions state": (arn, { query }) =>
      this.#execution(arn).state(query),
    "2025-12-01 POST durable-execution-callbacks succeed": (id, { body }) =>
      this.succeed(id, body),
    "2025-12-01 POST durable-execution-callbacks fail": (id, { body }) =>
      this.fail(id, body === "" ? undefined : parsed(body)),
    "2025-12-01 POST durable-execution-callbacks heartbeat": (id) =>
      this.#change(id, (ledger) => ledger.heartbeat(id, Date.now())),
  };

  succeed(callbackId: string, Result: string): object {
    return this.#change(callbackId, (ledger) =>
      ledger.answer(callbackId, { Result }),
    );
  }

  fail(callbackId: string, sent: unknown): object {
    const error = errorOf(sent);
    const isGiven = Object.keys(error).length > 0;
    return this.#change(callbackId, (ledger) =>
      ledger.answer(callbackId, { Error: isGiven ? error : undefined }),
    );
  }

  expire(callbackId: string): void {
    this.#change(callbackId, (ledger) => ledger.expire(callbackId));
  }

  #change(callbackId: string, change: (ledger: Ledger) => void): object {
    const found = this.#executions.find(({ ledger }) =>
      ledger.hasCallback(callbackId),
    );
    if (found === undefined)
      throw new LambdaError(
        "ResourceNotFoundException",
        "The callback does not exist.",
      );
    change(found.ledger);
    found.wake();
    return {};
  }

  #execution(arn: string): Execution {
    const found = this.#executions.find((execution) => execution.arn === arn);
    if (found === undefined)
      throw new LambdaError(
        "ResourceNotFoundException",
        `Durable execution not found: ${arn}`,
      );
    return found;
  }
}

function lambdaErrorOf(error: unknown): LambdaError {
  return error instanceof LambdaError
    ? error
    : new LambdaError("ServiceException", String(error));
}

function parsed(body: string): unknown {
  const value = parseJson(body);
  if (value === undefined)
    throw new LambdaError(
      "SerializationException",
      "The request body is not valid JSON.",
    );
  return value;
}

function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: object,
): void {
  response.writeHead(status, {
    "content-type": "application/json",
    ...headers,
  });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= BODY_BYTES) chunks.push(chunk);
  }
  if (size > BODY_BYTES)
    throw new LambdaError(
      "RequestEntityTooLargeException",
      `Request must be smaller than ${BODY_BYTES} bytes`,
    );
  return Buffer.concat(chunks).toString("utf8");
}
