import http, { type IncomingMessage, type ServerResponse } from "node:http";
import http2 from "node:http2";
import net from "node:net";

/** HTTP/2's compatibility API has the members of HTTP/1.1's classes that are used here. */
export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
) => void;

interface ListenerOptions {
  readonly port: number;
  readonly host: string;
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
}

/** Every HTTP/2 connection begins with this line; no HTTP/1.1 request can. */
const PREFACE = "PRI * HTTP/2.0";

/**
 * One port that speaks HTTP/1.1 and HTTP/2. Without TLS there is no negotiation, and the AWS SDK starts to speak
 * HTTP/2 at once when its endpoint is `http:`; so the first bytes of a connection decide.
 */
export class Listener {
  readonly #server: net.Server;
  readonly #sockets = new Map<number, net.Socket>();
  /** A client's port names its connection: HTTP/2 hides the socket itself behind a proxy. */
  readonly #idOfPort = new Map<number, number>();
  readonly #options: ListenerOptions;
  #lastId = 0;
  #firstId = 0;

  constructor(handler: Handler, options: ListenerOptions) {
    this.#options = options;
    this.#server =
      options.tls === undefined
        ? plainServer(handler)
        : secureServer(handler, options.tls);
    // Before the handler's own listener, which may emit a request at once.
    this.#server.prependListener("connection", (socket: net.Socket) => {
      this.#track(socket);
    });
  }

  /** Connections so far. */
  get connections(): number {
    return this.#lastId - this.#firstId;
  }

  forgetConnections(): void {
    this.#firstId = this.#lastId;
  }

  async listen(): Promise<number> {
    const { port, host } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    // A server that listens on a port has an address with a port.
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** The connection a request came over, counted from 1. */
  connectionOf(request: IncomingMessage): number {
    /* istanbul ignore next -- a connection that is gone before its request is looked at has no port any more */
    return (
      (this.#idOfPort.get(request.socket.remotePort ?? 0) ?? 0) - this.#firstId
    );
  }

  destroyConnection(id: number): void {
    this.#sockets.get(id + this.#firstId)?.destroySoon();
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets.values()) socket.destroy();
    });
  }

  #track(socket: net.Socket): void {
    const id = ++this.#lastId;
    this.#sockets.set(id, socket);
    /* istanbul ignore else -- as above */
    if (socket.remotePort !== undefined)
      this.#idOfPort.set(socket.remotePort, id);
    // As Node's own HTTP server has it; else an answer of two packets waits 40 ms for a delayed acknowledgement.
    socket.setNoDelay(true);
    // A client that hangs up is an everyday event here; without a listener it would end the process.
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(id));
  }
}

function plainServer(handler: Handler): net.Server {
  const one = withoutIdleTimeout(http.createServer(handler));
  const two = http2.createServer(
    // See Handler.
    handler as unknown as Parameters<typeof http2.createServer>[1],
  );
  two.on("sessionError", () => {});
  return net.createServer((socket) => {
    let head = Buffer.alloc(0);
    const sniff = () => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) return;
      head = Buffer.concat([head, chunk]);
      const text = head.toString("latin1", 0, PREFACE.length);
      if (text !== PREFACE && PREFACE.startsWith(text)) return;
      socket.off("readable", sniff);
      socket.unshift(head);
      (text === PREFACE ? two : one).emit("connection", socket);
    };
    socket.on("readable", sniff);
  });
}

function secureServer(
  handler: Handler,
  tls: { readonly key: string; readonly cert: string },
): net.Server {
  const server = http2.createSecureServer(
    { ...tls, allowHTTP1: true },
    // See Handler.
    handler as unknown as Parameters<typeof http2.createServer>[1],
  );
  server.on("sessionError", () => {});
  server.on("tlsClientError", () => {});
  return server;
}

/** A pooled connection that the server closes after five idle seconds is a lottery for the next request. */
function withoutIdleTimeout(server: http.Server): http.Server {
  server.keepAliveTimeout = 0;
  server.on("clientError", (_error, socket) => {
    socket.destroy();
  });
  return server;
}
