import { AsyncLocalStorage } from "node:async_hooks";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Duplex, Readable } from "node:stream";
import { startTimer } from "../time/timer.ts";
import { Queue } from "./queue.ts";

export interface ConnectionsOptions {
  /** At the same time; further requests wait for one until their signal aborts. */
  readonly maxSockets: number;
  /** A connection that takes longer than this is given up, in milliseconds. Waiting for a free one is not part of it. */
  readonly connectTimeoutMs: number;
  /** Node's own setting of an agent, for the proxies of the environment. */
  readonly proxyEnv?: NodeJS.ProcessEnv | undefined;
}

/** How far a request has come. */
export class Sending {
  /**
   * `prepared`, until there is a connection for it, or `connecting`: nothing of it can have reached a service. It is `sent` as
   * soon as something may have.
   */
  stage: "prepared" | "connecting" | "sent" = "prepared";
  /** The code of the error that the connection failed with. */
  errorCode: string | undefined;
  /** It went over a connection that nobody had used for a while. */
  isStale = false;
  /** Told when it has to wait for a free connection, and when it has one. */
  readonly onQueue: ((isWaiting: boolean) => void) | undefined;

  constructor(onQueue?: (isWaiting: boolean) => void) {
    this.onQueue = onQueue;
  }
}

interface Handled {
  readonly response: { readonly body?: unknown };
}

/** What the AWS SDK sends its requests with. */
export interface RequestHandler {
  handle(
    request: never,
    options?: { readonly abortSignal?: unknown },
  ): Promise<Handled>;
}

const current = new AsyncLocalStorage<Sending>();

/** By the signal of the request: of what a caller gives to a client, it is all that reaches its handler. */
const followed = new WeakMap<object, Sending>();
const governed = new WeakSet<object>();

/**
 * Tells `sending` what becomes of the request that a client will send with this signal.
 *
 * @returns False where the client's handler is none of `Connections`: then nobody knows.
 */
export function followSending(
  requestHandler: unknown,
  signal: AbortSignal,
  sending: Sending,
): boolean {
  followed.set(signal, sending);
  return governed.has(Object(requestHandler));
}

/**
 * Keep-alive connections for a request handler of the AWS SDK. The queue is here and not in the agents: what waits in an
 * agent's runs into the limits of time that were meant for the connection, and nobody can tell whether it was sent.
 */
export class Connections {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
  readonly #queue: Queue;

  constructor({ maxSockets, connectTimeoutMs, proxyEnv }: ConnectionsOptions) {
    const options = { keepAlive: true, ...(proxyEnv && { proxyEnv }) };
    this.httpAgent = watched(
      new HttpAgent(options),
      "connect",
      connectTimeoutMs,
    );
    this.httpsAgent = watched(
      new HttpsAgent(options),
      "secureConnect",
      connectTimeoutMs,
    );
    this.#queue = new Queue(maxSockets);
  }

  /**
   * Makes a handler that has these agents send each request when there is a connection for it. One that finds its connection
   * dead, as after the sandbox was frozen, goes once more over a new one.
   */
  govern<Handler extends RequestHandler>(handler: Handler): Handler {
    const handle: RequestHandler["handle"] = handler.handle.bind(handler);
    governed.add(handler);
    return Object.assign(handler, {
      handle: (...given: Parameters<typeof handle>) => {
        const signal = given[1]?.abortSignal as AbortSignal | undefined;
        const sending = followed.get(Object(signal)) ?? new Sending();
        return this.#send(() => handle(...given), sending, signal);
      },
    });
  }

  /** @throws The signal's reason while it waits; else what `handle` throws. */
  async #send(
    handle: () => Promise<Handled>,
    sending: Sending,
    signal: AbortSignal | undefined,
  ): Promise<Handled> {
    await this.#queue.enter(signal, sending.onQueue);
    try {
      const handled = await this.#handle(handle, sending, signal);
      // Node's handlers give a stream, which ends together with the use of its connection.
      const body = handled.response.body as Readable;
      body.once("close", () => this.#queue.leave());
      return handled;
    } catch (error) {
      this.#queue.leave();
      // What is thrown on, the SDK wraps on its way up.
      sending.errorCode = codeOf(error);
      throw error;
    }
  }

  async #handle(
    handle: () => Promise<Handled>,
    sending: Sending,
    signal: AbortSignal | undefined,
  ): Promise<Handled> {
    const send = () => {
      // Until its agent says that it has to connect first.
      sending.stage = "sent";
      sending.isStale = false;
      return current.run(sending, handle);
    };
    try {
      return await send();
    } catch (error) {
      if (!sending.isStale || !isDeath(error) || signal?.aborted) throw error;
      // Those beside it are as old.
      this.#closeIdle();
      return send();
    }
  }

  #closeIdle(): void {
    for (const { freeSockets } of [this.httpAgent, this.httpsAgent])
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
  }
}

/** Younger ones are not closed for want of use: when they are reset, it is the service that fails. */
const STALE_AFTER_MS = 1_000;

/** Epoch milliseconds: a frozen sandbox's monotonic clock stands still. */
const idleSince = new WeakMap<Duplex, number>();

/** Follows what an agent does for the request at hand. */
function watched<Agent extends HttpAgent>(
  agent: Agent,
  connected: "connect" | "secureConnect",
  connectTimeoutMs: number,
): Agent {
  const createConnection = agent.createConnection.bind(agent);
  const reuseSocket = agent.reuseSocket.bind(agent);
  const keepSocketAlive = agent.keepSocketAlive.bind(agent);
  return Object.assign(agent, {
    createConnection(
      ...[options, onCreated]: Parameters<typeof createConnection>
    ) {
      const sending = sendingNow();
      sending.stage = "connecting";
      const isConnected = () => {
        clearTimeout(timer);
        sending.stage = "sent";
      };
      // Node's own agents return one in any case; through a proxy it is the one to the proxy, and the tunnel comes later.
      const socket = createConnection(options, (error, tunnel) => {
        if (!error) isConnected();
        onCreated?.(error, tunnel);
      }) as Duplex;
      const timer = startTimer(connectTimeoutMs, () =>
        socket.destroy(connectTimeout(connectTimeoutMs)),
      );
      socket.once("close", () => clearTimeout(timer));
      socket.once(connected, isConnected);
      return socket;
    },
    reuseSocket(...given: Parameters<typeof reuseSocket>) {
      const [socket] = given;
      // Kept alive before, or it could not be used again.
      const idleMs = Date.now() - Number(idleSince.get(socket));
      sendingNow().isStale = idleMs >= STALE_AFTER_MS;
      reuseSocket(...given);
    },
    keepSocketAlive(socket: Duplex) {
      idleSince.set(socket, Date.now());
      return keepSocketAlive(socket);
    },
  });
}

/** Nobody but a governed handler asks these agents. */
function sendingNow(): Sending {
  return current.getStore() as Sending;
}

function connectTimeout(afterMs: number): Error {
  return Object.assign(
    new Error(`There was no connection after ${afterMs} ms.`),
    { code: "ETIMEDOUT", syscall: "connect" },
  );
}

/**
 * The other side had closed the connection, as it may when nobody uses it.
 *
 * @see https://nodejs.org/api/http.html#requestreusedsocket
 */
function isDeath(error: unknown): boolean {
  return /^(?:ECONNRESET|EPIPE)$/.test(String(codeOf(error)));
}

function codeOf(error: unknown): string | undefined {
  const { code }: { readonly code?: string } = Object(error);
  return code;
}
