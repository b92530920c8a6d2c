import type { IncomingMessage } from "node:http";
import { functionHeaders } from "./function-headers.ts";

/** An event of payload 2.0; `APIGatewayProxyEventV2` in `@types/aws-lambda`. */
export type FunctionEvent = ReturnType<typeof functionEvent>;

/** Content types whose bodies come as text; every other one comes as base64. */
const TEXT = /^(?:text\/[^;]+|application\/(?:json|xml|javascript))\s*(?:;|$)/i;

/** A request as a Function URL hands it to its function: payload 2.0. */
export function functionEvent(
  request: IncomingMessage,
  body: Buffer,
  facts: { readonly requestId: string; readonly now: number },
) {
  const { httpVersion } = request;
  // A request that a server has received has both.
  const method = String(request.method);
  const url = String(request.url);
  const mark = url.indexOf("?");
  const rawPath = mark === -1 ? url : url.slice(0, mark);
  const rawQueryString = mark === -1 ? "" : url.slice(mark + 1);
  const { cookie, ...headers } = functionHeaders(request);
  const isText = TEXT.test(headers["content-type"] ?? "");
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString,
    ...(cookie !== undefined && { cookies: cookie.split(/;\s*/) }),
    headers,
    ...(rawQueryString !== "" && {
      queryStringParameters: parametersOf(rawQueryString),
    }),
    requestContext: {
      accountId: "anonymous",
      apiId: "local",
      domainName: String(headers["host"]),
      domainPrefix: "local",
      http: {
        method,
        path: rawPath,
        protocol: `HTTP/${httpVersion}`,
        sourceIp: String(request.socket.remoteAddress),
        userAgent: headers["user-agent"] ?? "",
      },
      requestId: facts.requestId,
      routeKey: "$default",
      stage: "$default",
      time: timeOf(facts.now),
      timeEpoch: facts.now,
    },
    ...(body.length > 0 && {
      body: body.toString(isText ? "utf8" : "base64"),
    }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

function parametersOf(query: string): Record<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const before = parameters.get(name);
    parameters.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(parameters);
}

/** Such as `12/Mar/2026:19:03:58 +0000`. */
function timeOf(now: number): string {
  // "Thu, 12 Mar 2026 19:03:58 GMT"
  const text = new Date(now).toUTCString();
  const date = text.slice(5, 16).replaceAll(" ", "/");
  return `${date}:${text.slice(17, 25)} +0000`;
}
