import type { APIGatewayProxyEventV2, Context } from "aws-lambda";

/** What the handlers see: the body has been parsed by then. */
export interface SummaryEvent extends Omit<APIGatewayProxyEventV2, "body"> {
  readonly body: { readonly text: string; readonly words: number };
}

export interface HttpAnswer {
  readonly statusCode: number;
  readonly body: string;
}

/** As Lambda calls it. */
export type LambdaHandler = (
  event: APIGatewayProxyEventV2,
  context: Context,
) => Promise<HttpAnswer>;

const DOCUMENT =
  "The harbour light was built in 1871 and has been kept by four families. ".repeat(
    14,
  );
const BODY = JSON.stringify({ text: DOCUMENT, words: 50 });
const PATH = "/summaries";
const TIMEOUT_MS = 30_000;

/** Every invocation gets an event and a context of its own, because handlers and middlewares write to them. */
export function createEvent(): APIGatewayProxyEventV2 {
  return {
    version: "2.0",
    routeKey: `POST ${PATH}`,
    rawPath: PATH,
    rawQueryString: "",
    headers: { "content-type": "application/json" },
    requestContext: {
      accountId: "123456789012",
      apiId: "benchmark",
      domainName: "benchmark.execute-api.us-east-1.amazonaws.com",
      domainPrefix: "benchmark",
      http: {
        method: "POST",
        path: PATH,
        protocol: "HTTP/1.1",
        sourceIp: "192.0.2.1",
        userAgent: "benchmark",
      },
      requestId: "benchmark",
      routeKey: `POST ${PATH}`,
      stage: "$default",
      time: "22/Nov/2026:12:00:00 +0000",
      timeEpoch: 1_795_348_800_000,
    },
    body: BODY,
    isBase64Encoded: false,
  };
}

export function createContext(): Context {
  const end = Date.now() + TIMEOUT_MS;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: "benchmark",
    functionVersion: "$LATEST",
    invokedFunctionArn:
      "arn:aws:lambda:us-east-1:123456789012:function:benchmark",
    memoryLimitInMB: "1769",
    awsRequestId: "benchmark",
    logGroupName: "/aws/lambda/benchmark",
    logStreamName: "benchmark",
    getRemainingTimeInMillis: () => end - Date.now(),
    done() {},
    fail() {},
    succeed() {},
  };
}
