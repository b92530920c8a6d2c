import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { APIGatewayProxyEventV2, Context } from "aws-lambda";
import middy6 from "middy6";
import middy7 from "middy7";
import {
  type LambdaHandler,
  type LocalFunctionUrl,
  type ServedRequest,
  type StartFunctionUrlOptions,
  startFunctionUrl,
} from "../src/index.ts";
import { until } from "./helpers.ts";

let front: LocalFunctionUrl;
let logged: string[];
let served: ServedRequest[];

async function start(
  handler: LambdaHandler,
  options: StartFunctionUrlOptions = {},
): Promise<string> {
  logged = [];
  served = [];
  front = await startFunctionUrl(handler, {
    log: (line) => logged.push(line),
    onRequest: (request) => served.push(request),
    ...options,
  });
  return front.url;
}

afterEach(() => front.close());

/** The event that a raw request becomes. */
async function eventOf(
  lines: string[],
  body: string | Buffer = "",
): Promise<APIGatewayProxyEventV2> {
  const url = await start(async (event: unknown) => event);
  const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
  socket.write(
    // HTTP/1.0 needs no word to close.
    `${[...lines, ...(lines[0]?.endsWith("1.0") ? [] : ["connection: close"]), `content-length: ${Buffer.byteLength(body)}`].join("\r\n")}\r\n\r\n`,
  );
  socket.write(body);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4));
}

describe("the event", () => {
  test("keeps path and query as they came and joins what is repeated", async () => {
    const event = await eventOf([
      "POST /a%20b/%2F?x=1&y=%C3%A4+b&x=2&empty= HTTP/1.1",
      "Host: example.test:80",
      "X-Many: 1",
      "x-many: 2",
      "User-Agent: tester",
      "Cookie: a=1; b=2",
      "cookie: c=3",
      "__proto__: header",
    ]);
    expect(event).toMatchObject({
      version: "2.0",
      routeKey: "$default",
      rawPath: "/a%20b/%2F",
      rawQueryString: "x=1&y=%C3%A4+b&x=2&empty=",
      queryStringParameters: { x: "1,2", y: "ä b", empty: "" },
      cookies: ["a=1", "b=2", "c=3"],
      requestContext: {
        domainName: "example.test:80",
        http: {
          method: "POST",
          path: "/a%20b/%2F",
          protocol: "HTTP/1.1",
          sourceIp: "127.0.0.1",
          userAgent: "tester",
        },
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        stage: "$default",
        time: expect.stringMatching(
          /^\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000$/,
        ),
        timeEpoch: expect.any(Number),
      },
      isBase64Encoded: false,
    });
    expect(event.headers["x-many"]).toBe("1,2");
    expect(event.headers).not.toHaveProperty("cookie");
    expect(Object.keys(event.headers)).toContain("__proto__");
    expect(event).not.toHaveProperty("body");
  });

  test("has no query parameters, cookies or user agent when there are none", async () => {
    const event = await eventOf(["GET / HTTP/1.0"]);
    expect(event.rawQueryString).toBe("");
    expect(event).not.toHaveProperty("queryStringParameters");
    expect(event).not.toHaveProperty("cookies");
    expect(event.requestContext.http.userAgent).toBe("");
  });

  test("has the headers that the gateway adds, and no others but the caller's", async () => {
    const event = await eventOf([
      "GET / HTTP/1.1",
      "Host: example.test:8443",
      "Accept: */*",
    ]);
    expect(event.headers).toEqual({
      accept: "*/*",
      "content-length": "0",
      host: "example.test:8443",
      "x-amzn-trace-id": expect.stringMatching(
        /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/,
      ),
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-port": "8443",
      "x-forwarded-proto": "http",
    });
    expect(event.requestContext).toMatchObject({
      accountId: "anonymous",
      domainName: "example.test:8443",
      routeKey: "$default",
    });
  });

  test("has the URL's own domain for a caller who names none", async () => {
    const event = await eventOf(["GET / HTTP/1.0"]);
    const { host, port } = new URL(front.url);
    expect(event.headers["host"]).toBe(host);
    expect(event.requestContext.domainName).toBe(host);
    expect(event.headers["x-forwarded-port"]).toBe(port);
  });

  test("takes the port of its scheme where the domain has none", async () => {
    const event = await eventOf(["GET / HTTP/1.1", "host: example.test"]);
    expect(event.headers["x-forwarded-port"]).toBe("80");
  });

  test("keeps the caller's trace and forwarded addresses, not what he says of the connection", async () => {
    const root = "Root=1-67891233-abcdef012345678912345678";
    const event = await eventOf([
      "GET / HTTP/1.1",
      "host: x",
      `x-amzn-trace-id: Self=1-1;${root};Sampled=1`,
      "x-forwarded-for: 203.0.113.7",
      "x-forwarded-proto: gopher",
      "x-forwarded-port: 70",
    ]);
    expect(event.headers).toMatchObject({
      "x-amzn-trace-id": root,
      "x-forwarded-for": "203.0.113.7, 127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-port": "80",
    });
  });

  test("has no headers of the connection", async () => {
    const event = await eventOf([
      "GET / HTTP/1.1",
      "host: x",
      "connection: X-Mine , keep-alive",
      "x-mine: 1",
      "keep-alive: timeout=5",
      "te: trailers",
      "upgrade: h2c",
      "proxy-connection: keep-alive",
    ]);
    expect(Object.keys(event.headers).sort()).toEqual([
      "content-length",
      "host",
      "x-amzn-trace-id",
      "x-forwarded-for",
      "x-forwarded-port",
      "x-forwarded-proto",
    ]);
  });

  test.each([
    ["text/plain", false],
    ["text/html; charset=utf-8", false],
    ["application/json", false],
    ["Application/JSON;charset=UTF-8", false],
    ["application/xml", false],
    ["application/javascript", false],
    ["application/x-www-form-urlencoded", true],
    ["application/problem+json", true],
    ["multipart/form-data; boundary=x", true],
    ["application/octet-stream", true],
    [undefined, true],
  ])("has a body of type %s in base64: %s", async (type, isBase64Encoded) => {
    const event = await eventOf(
      [
        "POST / HTTP/1.1",
        "host: x",
        ...(type === undefined ? [] : [`content-type: ${type}`]),
      ],
      "äb",
    );
    expect(event.isBase64Encoded).toBe(isBase64Encoded);
    expect(event.body).toBe(
      isBase64Encoded ? Buffer.from("äb").toString("base64") : "äb",
    );
  });

  test("with hostile query names has nothing but own members", async () => {
    const event = await eventOf([
      "GET /?__proto__=x&constructor=y HTTP/1.1",
      "host: x",
    ]);
    expect(Object.keys(event.queryStringParameters ?? {})).toEqual([
      "__proto__",
      "constructor",
    ]);
  });
});

describe("the context", () => {
  test("has exactly the fields of the runtime, and the time that is left", async () => {
    let context = {} as Context;
    const url = await start(
      async (_event: unknown, given: unknown) => {
        context = given as Context;
        return {
          remaining: (given as Context).getRemainingTimeInMillis.call(
            undefined,
          ),
        };
      },
      { timeoutMs: 3_000, functionName: "mine", memoryLimitInMB: 512 },
    );
    const response = await fetch(url);
    const { remaining } = (await response.json()) as { remaining: number };
    expect(remaining).toBeLessThanOrEqual(3_000);
    expect(remaining).toBeGreaterThan(0);
    expect(Object.keys(context).sort()).toEqual(
      "awsRequestId clientContext functionName functionVersion getRemainingTimeInMillis identity invokedFunctionArn logGroupName logStreamName memoryLimitInMB tenantId xRayTraceId".split(
        " ",
      ),
    );
    expect(context).toMatchObject({
      functionName: "mine",
      functionVersion: "$LATEST",
      memoryLimitInMB: "512",
      invokedFunctionArn: expect.stringMatching(
        /^arn:aws:lambda:[a-z0-9-]+:000000000000:function:mine$/,
      ),
      logGroupName: "/aws/lambda/mine",
      xRayTraceId: expect.stringMatching(
        /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
      ),
    });
    expect(response.headers.get("x-amzn-requestid")).toBe(context.awsRequestId);
    expect(response.headers.get("x-amzn-trace-id")).toBe(
      Reflect.get(context, "xRayTraceId"),
    );
    expect(Date.parse(String(response.headers.get("date")))).not.toBeNaN();
  });

  test("has the trace of the event", async () => {
    const url = await start(
      async (
        { headers }: APIGatewayProxyEventV2,
        { xRayTraceId }: { xRayTraceId: string },
      ) => ({ root: headers["x-amzn-trace-id"], xRayTraceId }),
    );
    const answer = (await (await fetch(url)).json()) as Record<string, string>;
    expect(answer["xRayTraceId"]).toMatch(
      new RegExp(`^${answer["root"]};Parent=`),
    );
  });

  test("takes name and Region from the environment", async () => {
    const before = { ...process.env };
    try {
      process.env["AWS_LAMBDA_FUNCTION_NAME"] = "from-env";
      process.env["AWS_REGION"] = "eu-west-1";
      const url = await start(
        async (_event: unknown, context: Context) => context.invokedFunctionArn,
      );
      expect(await (await fetch(url)).json()).toBe(
        "arn:aws:lambda:eu-west-1:000000000000:function:from-env",
      );
      delete process.env["AWS_REGION"];
      expect(await (await fetch(url)).json()).toContain(":us-east-1:");
      await front.close();
      delete process.env["AWS_LAMBDA_FUNCTION_NAME"];
      const other = await start(
        async (_event: unknown, context: Context) => context.functionName,
      );
      expect(await (await fetch(other)).json()).toBe("local");
    } finally {
      process.env = before;
    }
  });
});

describe("a result", () => {
  const resultOf = async (result: unknown) => {
    const url = await start(async () => result);
    const response = await fetch(url);
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    };
  };

  test.each([
    [{ a: 1 }, '{"a":1}'],
    ["Hello", '"Hello"'],
    [undefined, "null"],
    [null, "null"],
    [[1], "[1]"],
    [{ toJSON: () => ({ b: 2 }) }, '{"b":2}'],
  ])("without a statusCode is JSON: %j", async (result, text) => {
    const answer = await resultOf(result);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.text).toBe(text);
    await front.close();
  });

  test("with one sets status, headers and cookies", async () => {
    const answer = await resultOf({
      statusCode: "201",
      headers: {
        "Content-Type": "text/plain",
        "X-Number": 5,
        "Set-Cookie": "no=1",
        Connection: "close",
        "X-Null": null,
      },
      cookies: ["a=1; Path=/", "b=2"],
      body: "made",
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("content-type")).toBe("text/plain");
    expect(answer.headers.get("x-number")).toBe("5");
    expect(answer.headers.has("x-null")).toBe(false);
    expect(answer.headers.getSetCookie()).toEqual(["a=1; Path=/", "b=2"]);
    expect(answer.text).toBe("made");
  });

  test("has the gateway's own headers under other names", async () => {
    const { headers } = await resultOf({
      statusCode: 401,
      headers: {
        "WWW-Authenticate": "Basic",
        Date: "yesterday",
        "Content-Length": "1",
        Connection: "close",
        "Keep-Alive": "timeout=1",
      },
      body: "no",
    });
    expect(headers.has("www-authenticate")).toBe(false);
    expect(headers.get("date")).not.toBe("yesterday");
    expect(headers.get("content-length")).toBe("2");
    expect(headers.get("keep-alive")).not.toBe("timeout=1");
    const remapped = Object.fromEntries(
      [...headers].filter(([name]) => name.startsWith("x-amzn-remapped-")),
    );
    expect(remapped).toEqual({
      "x-amzn-remapped-connection": "close",
      "x-amzn-remapped-content-length": "1",
      "x-amzn-remapped-date": "yesterday",
      "x-amzn-remapped-www-authenticate": "Basic",
    });
  });

  test("may have no cookies, and base64 without padding", async () => {
    const answer = await resultOf({
      statusCode: 200,
      cookies: null,
      body: "aGkhaA",
      isBase64Encoded: true,
    });
    expect([answer.status, answer.text]).toEqual([200, "hi!h"]);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  test("may be base64, an object as body, or empty", async () => {
    expect(
      (await resultOf({ statusCode: 200, body: "aGk=", isBase64Encoded: true }))
        .text,
    ).toBe("hi");
    await front.close();
    expect((await resultOf({ statusCode: 200, body: { a: 1 } })).text).toBe(
      '{"a":1}',
    );
    await front.close();
    const empty = await resultOf({ statusCode: 204 });
    expect([empty.status, empty.text]).toEqual([204, ""]);
  });

  test.each([
    [{ statusCode: 99 }, "Function.InvalidResponse"],
    [{ statusCode: "abc" }, "Function.InvalidResponse"],
    [{ statusCode: 200, headers: { "x-bad": "a\nb" } }, "ERR_INVALID_CHAR"],
    [
      { statusCode: 200, body: "x".repeat(6_291_556) },
      "Function.ResponseSizeTooLarge",
    ],
    [{ a: 1n }, "BigInt"],
    [{ statusCode: 200, headers: { "x-bad": ["a", "b"] } }, '\\"x-bad\\"'],
    [{ statusCode: 200, headers: { "x-bad": { a: 1 } } }, '\\"x-bad\\"'],
    [{ statusCode: 200, headers: ["x-bad: a"] }, "headers must be an object"],
    [{ statusCode: 200, cookies: "a=1" }, "cookies must be an array of texts"],
    [{ statusCode: 200, cookies: [1] }, "cookies must be an array of texts"],
    [{ statusCode: 200, body: "hi?", isBase64Encoded: true }, "base64"],
    [{ statusCode: 200, body: "aGk-", isBase64Encoded: true }, "base64"],
    [{ statusCode: 200, body: { a: 1 }, isBase64Encoded: true }, "base64"],
  ])("that cannot be sent is a 502, case %#", async (result, reason) => {
    const answer = await resultOf(result);
    expect([answer.status, answer.text]).toEqual([
      502,
      "Internal Server Error",
    ]);
    expect(answer.headers.has("x-bad")).toBe(false);
    expect(logged.join("\n")).toContain(reason);
  });
});

describe("an invocation", () => {
  test.each([
    [new TypeError("bad"), "TypeError", "bad"],
    ["text", "string", "text"],
  ])(
    "that throws is a 502 and a log line like Lambda's",
    async (thrown, errorType, errorMessage) => {
      const url = await start(async () => {
        throw thrown;
      });
      const response = await fetch(url);
      expect([response.status, await response.text()]).toEqual([
        502,
        "Internal Server Error",
      ]);
      const [time, requestId, level, title, details] = String(logged[0]).split(
        "\t",
      );
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT/);
      expect([requestId, level, title]).toEqual([
        response.headers.get("x-amzn-requestid"),
        "ERROR",
        "Invoke Error",
      ]);
      expect(JSON.parse(String(details))).toMatchObject({
        errorType,
        errorMessage,
        stack: expect.any(Array),
      });
    },
  );

  test("that throws before it is a promise is the same", async () => {
    const url = await start(() => {
      throw new Error("at once");
    });
    expect((await fetch(url)).status).toBe(502);
  });

  test("that runs out of time is a 502, and onTimeout comes after the answer", async () => {
    const order: string[] = [];
    const url = await start(() => new Promise(() => {}), {
      timeoutMs: 50,
      onTimeout: () => order.push("onTimeout"),
      onRequest: ({ statusCode }) => order.push(`answered ${statusCode}`),
    });
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([
      502,
      "Internal Server Error",
    ]);
    await until(() => order.length === 2);
    expect(order).toEqual(["answered 502", "onTimeout"]);
    expect(logged[0]).toMatch(/ Task timed out after 0\.05 seconds$/);
  });

  test("that fails after its time is nobody's unhandled rejection", async () => {
    const url = await start(
      () =>
        new Promise((_resolve, reject) =>
          setTimeout(reject, 60, new Error("late")),
        ),
      { timeoutMs: 30 },
    );
    expect((await fetch(url)).status).toBe(502);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(logged).toHaveLength(1);
  });

  test("whose caller hangs up runs to its end", async () => {
    let isFinished = false;
    const begun = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const url = await start(async () => {
      begun.resolve();
      await gate.promise;
      isFinished = true;
      return "done";
    });
    const abort = new AbortController();
    const asked = fetch(url, { signal: abort.signal }).catch(
      (error: Error) => error.name,
    );
    await begun.promise;
    abort.abort();
    expect(await asked).toBe("AbortError");
    await until(() => served.length === 1);
    gate.resolve();
    await until(() => isFinished);
    expect(logged).toEqual([]);
  });

  test("whose caller hung up before the deadline still times out", async () => {
    let isOver = false;
    const begun = Promise.withResolvers<void>();
    const url = await start(
      () => {
        begun.resolve();
        return new Promise(() => {});
      },
      {
        timeoutMs: 60,
        onTimeout: () => {
          isOver = true;
        },
      },
    );
    const abort = new AbortController();
    const asked = fetch(url, { signal: abort.signal }).catch(() => {});
    await begun.promise;
    abort.abort();
    await asked;
    await until(() => isOver);
  });

  test("whose request never arrives in full is dropped", async () => {
    const url = await start(async () => "never");
    const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nab");
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
    await once(socket, "close");
    await until(() => served.length === 1);
    expect((await fetch(url)).status).toBe(200);
  });

  test("with more than 6 MB is refused, as text and as base64", async () => {
    const url = await start(async () => "never");
    for (const [size, type] of [
      [6_300_000, "text/plain"],
      [5_000_000, "application/octet-stream"],
      [14_000_000, "text/plain"],
    ] as const) {
      const response = await fetch(url, {
        method: "POST",
        body: "x".repeat(size),
        headers: { "content-type": type },
      });
      expect(response.status).toBe(413);
      expect(await response.json()).toEqual({
        message: expect.stringContaining("smaller than 6291456 bytes"),
      });
    }
  });

  test("is told when it is served", async () => {
    const url = await start(async () => "x");
    await (await fetch(`${url}path?q=1`, { method: "PUT" })).text();
    await until(() => served.length === 1);
    expect(served[0]).toEqual({
      method: "PUT",
      path: "/path?q=1",
      statusCode: 200,
      durationMs: expect.any(Number),
      requestId: expect.any(String),
    });
  });
});

describe("a front", () => {
  test.each([
    ["6", middy6 as unknown as typeof middy7],
    ["7", middy7],
  ])("serves a Middy %s handler", async (_major, middy) => {
    const url = await start(
      middy().handler(
        // The majors' types of a handler have nothing in common.
        (async (event: APIGatewayProxyEventV2) => ({
          statusCode: 200,
          body: event.rawPath,
        })) as never,
      ) as unknown as LambdaHandler,
    );
    expect(await (await fetch(`${url}x`)).text()).toBe("/x");
  });

  test("refuses handlers with callbacks, and what is no function", async () => {
    await start(async () => "x");
    await expect(
      startFunctionUrl(
        (_event: unknown, _context: unknown, _callback: unknown) => {},
      ),
    ).rejects.toMatchObject({
      name: "Runtime.CallbackHandlerDeprecated",
    });
    await expect(startFunctionUrl({} as never)).rejects.toThrow(
      "startFunctionUrl: the handler must be a function, not object.",
    );
  });

  test("rejects when the port is in use", async () => {
    await start(async () => "x");
    await expect(
      startFunctionUrl(async () => {}, { port: front.port }),
    ).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  test("closes with requests under way, and writes its log to stderr by default", async () => {
    await using other = await startFunctionUrl(() => new Promise(() => {}));
    const asked = fetch(other.url).catch((error: Error) => error);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await start(async () => "x");
    await other.close();
    expect(await asked).toMatchObject({ message: "fetch failed" });
    const write = process.stderr.write;
    const lines: string[] = [];
    process.stderr.write = (line: unknown) => lines.push(String(line)) > 0;
    try {
      await using failing = await startFunctionUrl(async () => {
        throw new Error("to stderr");
      });
      await fetch(failing.url);
    } finally {
      process.stderr.write = write;
    }
    expect(lines.join("")).toContain('"errorMessage":"to stderr"');
  });

  test("keeps a connection for several requests", async () => {
    const url = await start(async () => "x");
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let count = 0; count < 3; count++) {
      const request = http.get(url, { agent });
      const [response] = (await once(request, "response")) as [
        http.IncomingMessage,
      ];
      ports.add(response.socket.localPort);
      response.resume();
      await once(response, "end");
    }
    agent.destroy();
    expect(ports.size).toBe(1);
  });
});

describe("an authorizer", () => {
  const post = (url: string, authorization: string) =>
    fetch(url, { method: "POST", headers: { authorization }, body: "{}" });
  const contextOf = async ({ requestContext }: APIGatewayProxyEventV2) =>
    requestContext;

  test("says who calls, by the request's headers", async () => {
    const url = await start(contextOf, {
      authorizer: ({ authorization }) => ({ iam: { userId: authorization } }),
    });
    for (const userId of ["acme", "globex"])
      expect(await (await post(url, userId)).json()).toMatchObject({
        http: { method: "POST" },
        authorizer: { iam: { userId } },
      });
  });

  test("may take its time, which is not the function's", async () => {
    const url = await start(
      async (_event: unknown, context: Context) =>
        context.getRemainingTimeInMillis(),
      {
        timeoutMs: 900_000,
        authorizer: async () => {
          await new Promise((resolve) => setTimeout(resolve, 50));
          return { jwt: { claims: { sub: "acme" } } };
        },
      },
    );
    const startedAt = performance.now();
    const leftMs = Number(await (await fetch(url)).text());
    const tookMs = performance.now() - startedAt;
    expect(900_000 - leftMs).toBeLessThanOrEqual(tookMs - 45);
  });

  test.each(["buffered", "streaming"])(
    "keeps others away from a %s handler",
    async (mode) => {
      let calls = 0;
      const handle = async () => {
        calls++;
      };
      const handler =
        mode === "streaming"
          ? Object.assign(handle, {
              [Symbol.for("aws.lambda.runtime.handler.streaming")]: "response",
            })
          : handle;
      const url = await start(handler, { authorizer: () => undefined });
      const response = await post(url, "mallory");
      expect(response.status).toBe(403);
      expect(await response.json()).toEqual({ Message: "Forbidden" });
      expect(calls).toBe(0);
    },
  );

  test.each([
    [
      "that fails",
      () => {
        throw new Error("my mistake");
      },
      "my mistake",
    ],
    ["that returns no object", () => "acme" as never, "must return an object"],
  ])(
    "%s is logged, and the caller gets 502",
    async (_what, authorizer, why) => {
      const url = await start(contextOf, { authorizer });
      expect((await post(url, "acme")).status).toBe(502);
      expect(logged.join()).toContain(why);
    },
  );

  test("is what is left out without one", async () => {
    const url = await start(contextOf);
    expect(await (await post(url, "acme")).json()).not.toHaveProperty(
      "authorizer",
    );
  });
});
