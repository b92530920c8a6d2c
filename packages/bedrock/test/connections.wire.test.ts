import { createServer, request as httpRequest } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { LLMContext } from "@lambdallm/core";
import { generate } from "selfsigned";
import {
  ANSWER,
  clientConfig,
  failureOf,
  invocation,
  start,
} from "./support.ts";

const before = { ...process.env };
afterEach(() => {
  for (const name of [
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "NODE_USE_ENV_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "no_proxy",
  ])
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
});

describe("Connections", () => {
  /** How many calls are on their way at the same time, of 64 that begin together. */
  async function atTheSameTime(expected: number): Promise<number> {
    const all = Promise.withResolvers<void>();
    let arrived = 0;
    await using local = await start({
      respond: async () => {
        arrived += 1;
        if (arrived === expected) all.resolve();
        await all.promise;
        return "Yes";
      },
    });
    const atOnce = all.promise.then(() => local.connections);
    await invocation(local, (context: LLMContext) =>
      Promise.all(Array.from({ length: 64 }, () => context.invoke("Well?"))),
    );
    return atOnce;
  }

  test("are 50 unless somebody says otherwise", async () => {
    delete process.env["AWS_LAMBDA_MAX_CONCURRENCY"];
    expect(await atTheSameTime(50)).toBe(50);
  });

  test.each([
    ["64", 64],
    ["10", 50],
    ["many", 50],
  ])(
    "are as many as the invocations that Lambda runs in one process, %s, and not fewer than 50",
    async (concurrency, expected) => {
      process.env["AWS_LAMBDA_MAX_CONCURRENCY"] = concurrency;
      expect(await atTheSameTime(expected)).toBe(expected);
    },
  );
});

describe("A connection is free again after", () => {
  const stream = async (context: LLMContext) => {
    for await (const _ of context.stream("Count")) break;
  };
  const invoke = (context: LLMContext) => context.invoke("Count");
  const aborted = async (context: LLMContext) => {
    const controller = new AbortController();
    setImmediate(() => controller.abort());
    await context.invoke("Count", {}, { signal: controller.signal });
  };

  test.each([
    ["an answer", invoke, {}],
    ["a stream that its reader leaves", stream, {}],
    ["an error of the service", invoke, { error: "ThrottlingException" }],
    ["an answer without a body", invoke, { status: 200, body: "" }],
    ["a cut before the answer", invoke, { cut: "before" }],
    ["a cut after the headers", invoke, { cut: "headers" }],
    ["a cut in the body", invoke, { cut: "body" }],
    ["a cut in a stream", stream, { cut: "body", afterEvents: 1 }],
    ["garbage in a stream", stream, { garbage: true }],
    ["an exception in a stream", stream, { streamError: { name: "x" } }],
    ["an abort", aborted, { latencyMs: 3_600_000 }],
  ] as const)("%s", async (_what, call, fault) => {
    await using local = await start({
      respond: () => "One two three four five six seven eight nine ten",
    });
    const answers = await invocation(
      local,
      async (context) => {
        // More often than there are connections.
        for (const _ of [1, 2, 3]) {
          local.setFaults([fault]);
          await call(context).catch(() => {});
        }
        local.setFaults([]);
        return Promise.all([invoke(context), invoke(context)]);
      },
      { maxSockets: 1, clientConfig: clientConfig(local) },
    );
    expect(answers).toHaveLength(2);
  });
});

describe("A proxy of the environment", () => {
  async function urlsAskedFor(): Promise<readonly string[]> {
    await using local = await start({ respond: () => "Yes" });
    const urls: string[] = [];
    const proxy = createServer((asked, answer) => {
      urls.push(String(asked.url));
      const { pathname } = new URL(String(asked.url));
      const { method, headers } = asked;
      const forwarded = httpRequest(
        `${local.url}${pathname}`,
        { method, headers },
        (response) => {
          answer.writeHead(Number(response.statusCode), response.headers);
          response.pipe(answer);
        },
      );
      asked.pipe(forwarded);
    });
    await new Promise<void>((listening) =>
      proxy.listen(0, "127.0.0.1", listening),
    );
    const { port } = proxy.address() as AddressInfo;
    process.env["HTTP_PROXY"] = `http://127.0.0.1:${port}`;
    process.env["NO_PROXY"] = "";
    process.env["no_proxy"] = "";
    try {
      await invocation(local, (context) => context.invoke("Well?"), {
        clientConfig: {
          ...clientConfig(local),
          endpoint: "http://bedrock.invalid",
        },
      });
    } finally {
      proxy.closeAllConnections();
      await new Promise((closed) => proxy.close(closed));
    }
    return urls;
  }

  test("is used when Node is told to use it", async () => {
    process.env["NODE_USE_ENV_PROXY"] = "1";
    expect(await urlsAskedFor()).toEqual([
      "http://bedrock.invalid/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse",
    ]);
  });

  /** A service that takes its time, behind a proxy that makes tunnels. */
  async function throughTunnel<Result>(
    run: (context: LLMContext) => Promise<Result>,
    { isTrusted }: { readonly isTrusted: boolean },
  ) {
    const { cert, private: key } = await generate(
      [{ name: "commonName", value: "bedrock.invalid" }],
      {
        keySize: 2048,
        extensions: [
          { name: "basicConstraints", cA: true },
          {
            name: "subjectAltName",
            altNames: [{ type: 2, value: "bedrock.invalid" }],
          },
        ],
      },
    );
    const server = createTlsServer({ cert, key }, (request, response) => {
      request.resume();
      // Longer than a connection may take.
      setTimeout(() => response.end(ANSWER), 3_300);
    });
    const tunnels: string[] = [];
    const proxy = createServer();
    proxy.on("connect", (request, socket) => {
      tunnels.push(String(request.url));
      const { port } = server.address() as AddressInfo;
      const behind = connect(port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(behind).pipe(socket);
      });
      for (const end of [socket, behind]) end.on("error", () => {});
      socket.on("close", () => behind.destroy());
    });
    for (const one of [server, proxy])
      await new Promise<void>((listening) =>
        one.listen(0, "127.0.0.1", listening),
      );
    const { port } = proxy.address() as AddressInfo;
    process.env["NODE_USE_ENV_PROXY"] = "1";
    process.env["HTTPS_PROXY"] = `http://127.0.0.1:${port}`;
    process.env["NO_PROXY"] = "";
    process.env["no_proxy"] = "";
    const usual = getCACertificates("default");
    if (isTrusted) setDefaultCACertificates([...usual, cert]);
    try {
      const result = await invocation({ url: "" }, run, {
        clientConfig: {
          ...clientConfig({ url: "" }),
          endpoint: "https://bedrock.invalid",
        },
      });
      return { result, tunnels };
    } finally {
      setDefaultCACertificates(usual);
      for (const one of [server, proxy]) {
        one.closeAllConnections();
        await new Promise((closed) => one.close(closed));
      }
    }
  }

  test("has a tunnel through it for HTTPS, which is kept, and in which an answer takes the time that it needs", async () => {
    const { result, tunnels } = await throughTunnel(
      async (context) => [
        await context.invoke("Well?"),
        await context.invoke("Well?"),
      ],
      { isTrusted: true },
    );
    expect(result).toEqual(["Yes", "Yes"]);
    expect(tunnels).toEqual(["bedrock.invalid:443"]);
  });

  test("has nothing sent through a tunnel to a service whose certificate is not trusted", async () => {
    const { result } = await throughTunnel(
      (context) => failureOf(context.invoke("Well?")),
      { isTrusted: false },
    );
    expect(result).toMatchObject({
      serviceError: "DEPTH_ZERO_SELF_SIGNED_CERT",
      billed: "none",
    });
  });

  test("that makes no tunnel has been sent nothing", async () => {
    const proxy = createServer();
    proxy.on("connect", (_request, socket) => {
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    await new Promise<void>((listening) =>
      proxy.listen(0, "127.0.0.1", listening),
    );
    const { port } = proxy.address() as AddressInfo;
    process.env["NODE_USE_ENV_PROXY"] = "1";
    process.env["HTTPS_PROXY"] = `http://127.0.0.1:${port}`;
    process.env["NO_PROXY"] = "";
    process.env["no_proxy"] = "";
    const url = "https://bedrock.invalid";
    const error = await failureOf(
      invocation({ url }, (context) => context.invoke("Well?")),
    );
    expect(error).toMatchObject({ billed: "none" });
    proxy.closeAllConnections();
    await new Promise((closed) => proxy.close(closed));
  });

  test("is not used otherwise", async () => {
    delete process.env["NODE_USE_ENV_PROXY"];
    await expect(urlsAskedFor()).rejects.toMatchObject({
      reason: "connection",
    });
  });
});
