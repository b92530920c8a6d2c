import type { ServerResponse } from "node:http";
import type { HttpAnswer } from "./function-result.ts";

/** 502 while a status is still possible; a truncated body afterwards. */
export function fail(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // An answer whose headers Node refused may have left some of them behind.
  for (const name of response.getHeaderNames())
    if (!name.startsWith("x-amzn-")) response.removeHeader(name);
  send(response, {
    statusCode: 502,
    headers: { "content-type": "application/json" },
    body: Buffer.from("Internal Server Error"),
  });
}

export function sendJson(
  response: ServerResponse,
  statusCode: number,
  body: object,
): void {
  send(response, {
    statusCode,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(body)),
  });
}

export function send(response: ServerResponse, answer: HttpAnswer): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(answer.statusCode, {
    ...answer.headers,
    "content-length": String(answer.body.length),
  });
  response.end(answer.body);
}
