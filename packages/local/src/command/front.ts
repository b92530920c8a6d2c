import http, { type IncomingMessage, type ServerResponse } from "node:http";

/** Where requests are passed on to. */
export interface Target {
  port(): Promise<number>;
  kill(): void;
}

export interface FrontOptions {
  readonly timeoutMs: number;
  /** One line a request. */
  readonly log: (line: string) => void;
}

/** A function that does not even notice its deadline, because it never yields, is ended this much later. */
const GRACE_MS = 1_000;

/**
 * The port that callers see: it stays while the function's process comes and goes, and turns a process that dies under
 * a request into the 502 that a Function URL answers with.
 */
export function createFront(
  target: Target,
  { timeoutMs, log }: FrontOptions,
): http.Server {
  const server = http.createServer((request, response) => {
    const startedAt = Date.now();
    response.once("close", () => {
      log(
        `${request.method} ${request.url} ${response.statusCode} ${Date.now() - startedAt} ms`,
      );
    });
    const watchdog = setTimeout(() => {
      log(`Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`);
      target.kill();
    }, timeoutMs + GRACE_MS);
    pass(request, response, target)
      .catch(() => fail(response))
      .finally(() => clearTimeout(watchdog));
  });
  server.keepAliveTimeout = 0;
  return server;
}

async function pass(
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
): Promise<void> {
  const outgoing = await connected(request, target);
  request.pipe(outgoing);
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("error", reject);
    outgoing.once("response", resolve);
  });
  response.writeHead(incoming.statusCode ?? 502, incoming.rawHeaders);
  response.flushHeaders();
  // A caller who hangs up does not stop the function: what it still writes is read and thrown away.
  response.once("close", () => incoming.resume());
  incoming.pipe(response);
  await new Promise<void>((resolve, reject) => {
    incoming.once("end", resolve);
    incoming.once("error", reject);
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
    target.kill();
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
