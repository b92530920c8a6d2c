import type http from "node:http";
import type { AddressInfo } from "node:net";
import { originOf } from "./origin.ts";

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Destroys every connection and stops listening. */
  close(): Promise<void>;
}

/** Lets a server listen, by default on a free port of `127.0.0.1`. */
export async function startServer(
  server: http.Server,
  options: { readonly port?: number; readonly host?: string },
): Promise<RunningServer> {
  // A pooled connection that the server closes after five idle seconds is a lottery for the next request.
  server.keepAliveTimeout = 0;
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // A server that listens on a port has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: originOf("http", host, port),
    port,
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await closed;
    },
  };
}
