import http, { type IncomingMessage, type ServerResponse } from "node:http";

/** The process that requests are passed on to. */
export interface Target {
  port(): Promise<number>;
  /** Ends it, because its time is over. */
  kill(): void;
  /** It does not answer any more; whatever is left of it is ended. */
  abandon(): void;
}

export interface FrontOptions {
  readonly timeoutMs: number;
  /** One line a request. */
  readonly log: (line: string) => void;
}

/** What is answered in the last moment still has to travel from the function's process to this one. */
const TRAVEL_MS = 50;

/**
 * The port that callers see: it stays while the function's process comes and goes, ends that process at the deadline,
 * and turns one that dies under a request into the 502 that a Function URL answers with.
 */
export function createFront(
  target: Target,
  options: FrontOptions,
): http.Server {
  const server = http.createServer((request, response) => {
    const startedAt = Date.now();
    response.once("close", () => {
      options.log(
        `${request.method} ${request.url} ${response.statusCode} ${Date.now() - startedAt} ms`,
      );
    });
    pass(request, response, target, options).catch(() => fail(response));
  });
  server.keepAliveTimeout = 0;
  return server;
}

async function pass(
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
  { timeoutMs, log }: FrontOptions,
): Promise<void> {
  const outgoing = await connected(request, target);
  // Counted from here: a cold start is not part of the function's time.
  const deadline = setTimeout(() => {
    log(`Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`);
    target.kill();
  }, timeoutMs + TRAVEL_MS);
  try {
    const incoming = await answerTo(request, outgoing, target);
    response.writeHead(Number(incoming.statusCode), incoming.rawHeaders);
    response.flushHeaders();
    incoming.pipe(response);
    // A caller who hangs up does not stop the function: what it still writes is read and thrown away.
    response.once("close", () => incoming.resume());
    await new Promise<void>((resolve, reject) => {
      incoming.once("end", resolve);
      incoming.once("error", reject);
    });
  } finally {
    clearTimeout(deadline);
  }
}

function answerTo(
  request: IncomingMessage,
  outgoing: http.ClientRequest,
  target: Target,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Half a request is nothing to invoke a function with.
    const dropHalf = () => {
      if (!request.complete) outgoing.destroy();
    };
    request.once("close", dropHalf);
    if (request.destroyed) dropHalf();
    outgoing.once("response", resolve);
    outgoing.once("error", (error) => {
      if (request.complete) target.abandon();
      reject(error);
    });
    request.pipe(outgoing);
  });
}

/** A request to the function's process; one that has just died is replaced once. */
async function connected(
  request: IncomingMessage,
  target: Target,
): Promise<http.ClientRequest> {
  try {
    return await connect(request, await target.port());
  } catch {
    target.abandon();
    return connect(request, await target.port());
  }
}

function connect(
  request: IncomingMessage,
  port: number,
): Promise<http.ClientRequest> {
  const outgoing = http.request({
    host: "127.0.0.1",
    port,
    method: request.method,
    path: request.url,
    // As they came: names, order and repetitions.
    headers: request.rawHeaders,
    agent: false,
  });
  return new Promise((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.once("socket", (socket) => {
      socket.once("connect", () => {
        outgoing.off("error", reject);
        resolve(outgoing);
      });
    });
  });
}

function fail(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(502, { "content-type": "application/json" });
  response.end("Internal Server Error");
}
