import type { IncomingMessage } from "node:http";
import { originOf } from "../origin.ts";
import { traceRoot } from "./trace.ts";

/** Headers of the connection to the gateway, which is not the function's. */
const OF_CONNECTION = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** The headers of an event: the caller's without those of his connection, and those that the gateway adds. */
export function functionHeaders(
  request: IncomingMessage,
): Record<string, string> {
  const headers = headersOf(request);
  const named =
    headers
      .get("connection")
      ?.toLowerCase()
      .split(/\s*,\s*/) ?? [];
  for (const name of [...OF_CONNECTION, ...named]) headers.delete(name);
  const { localAddress, localPort, remoteAddress } = request.socket;
  const own = originOf("http", String(localAddress), Number(localPort));
  const host = headers.get("host") ?? new URL(own).host;
  const before = headers.get("x-forwarded-for");
  headers
    .set("host", host)
    .set("x-amzn-trace-id", traceRoot(headers.get("x-amzn-trace-id")))
    .set(
      "x-forwarded-for",
      before === undefined
        ? String(remoteAddress)
        : `${before}, ${remoteAddress}`,
    )
    .set("x-forwarded-port", /:(\d+)$/.exec(host)?.[1] ?? "80")
    .set("x-forwarded-proto", "http");
  // Own members of any name: a header called `__proto__` is a header and nothing else.
  return Object.fromEntries(headers);
}

/** Lower-case names, repeated headers joined by commas. Node's own `headers` drops the repetition of some. */
function headersOf(request: IncomingMessage): Map<string, string> {
  const headers = new Map<string, string>();
  const { rawHeaders } = request;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = String(rawHeaders[index]).toLowerCase();
    const value = String(rawHeaders[index + 1]);
    const before = headers.get(name);
    const separator = name === "cookie" ? "; " : ",";
    headers.set(
      name,
      before === undefined ? value : `${before}${separator}${value}`,
    );
  }
  return headers;
}
