import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
} from "node:net";
import { promisify } from "node:util";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import type { LLMContext } from "@lambdallm/core";
import { generate } from "selfsigned";
import { fakeDate } from "../../../test-support/fake-date.ts";
import {
  ANSWER,
  clientConfig,
  failureOf,
  invocation,
  start,
} from "./support.ts";

const UNUSED = {
  inputTokens: 0,
  outputTokens: 0,
  totalTokens: 0,
};

const credentials = { accessKeyId: "local", secretAccessKey: "local" };

type TestServer = Pick<
  Server,
  "listen" | "address" | "close" | "closeAllConnections"
>;

/** Asks whatever listens there. */
async function asking<Result>(
  server: TestServer,
  run: (context: LLMContext) => Promise<Result>,
  protocol = "http",
  timeoutMs = 60_000,
): Promise<Result> {
  await new Promise<void>((listening) =>
    server.listen(0, "127.0.0.1", listening),
  );
  const { port } = server.address() as AddressInfo;
  const endpoint = `${protocol}://127.0.0.1:${port}`;
  const options = { clientConfig: { endpoint, credentials } };
  try {
    return await invocation({ url: endpoint }, run, options, timeoutMs);
  } finally {
    const closed = new Promise((done) => server.close(done));
    server.closeAllConnections();
    await closed;
  }
}

const hello = (context: LLMContext) => context.invoke("Hello");

/** The error of a call, and what is known to have been used. */
async function failing(context: LLMContext) {
  const error = await failureOf(hello(context));
  return { error, usage: context.usage, totalCostUsd: context.totalCostUsd };
}

describe("A call that finds all connections in use", () => {
  /** The first request is answered when it is let go; the others wait for its connection. */
  async function behindOne<Result>(
    run: (context: LLMContext, letGo: () => void) => Promise<Result>,
    timeoutMs?: number,
  ): Promise<Result> {
    const held = Promise.withResolvers<void>();
    await using local = await start({
      respond: async () => {
        await held.promise;
        return "Yes";
      },
    });
    return await invocation(
      local,
      async (context) => {
        const first = context.invoke("First");
        try {
          return await run(context, held.resolve);
        } finally {
          held.resolve();
          await first.catch(() => {});
          expect(local.connections).toBe(1);
        }
      },
      { clientConfig: clientConfig(local), maxSockets: 1 },
      timeoutMs,
    );
  }

  test("waits for one as long as its deadline lets it", async () => {
    const answers = await behindOne(async (context, letGo) => {
      const waiting = Promise.all([hello(context), hello(context)]);
      // Longer than a connection may take.
      setTimeout(letGo, 3_500);
      return waiting;
    });
    expect(answers).toEqual(["Yes", "Yes"]);
  });

  test("has used nothing when its deadline comes first", async () => {
    const response = await behindOne(
      (context) =>
        context.converse({
          messages: [{ role: "user", content: [{ text: "Hello" }] }],
          deadline: Date.now() + 300,
        }),
      60_000,
    );
    expect(response).toMatchObject({
      stopReason: "timeout",
      text: "",
      usage: UNUSED,
      costUsd: 0,
    });
  });

  test("ends at once when its caller aborts it, has cost nothing, and lets the next one have its place", async () => {
    const [error, answer] = await behindOne(async (context, letGo) => {
      const controller = new AbortController();
      const { signal } = controller;
      const waiting = failureOf(context.invoke("Hello", {}, { signal }));
      const next = hello(context);
      // Let both be in the queue.
      await new Promise((resolve) => setTimeout(resolve, 100));
      controller.abort();
      const failed = await waiting;
      letGo();
      return [failed, await next] as const;
    });
    expect(error).toMatchObject({ reason: "aborted", billed: "none" });
    expect(answer).toBe("Yes");
  });

  test("is told about, in events", async () => {
    const held = Promise.withResolvers<void>();
    await using local = await start({
      respond: async () => {
        await held.promise;
        return "Yes";
      },
    });
    const events: unknown[] = [];
    await invocation(
      local,
      async (context) => {
        const both = Promise.all([hello(context), hello(context)]);
        while (events.length === 0) await new Promise(setImmediate);
        held.resolve();
        await both;
      },
      { clientConfig: clientConfig(local), maxSockets: 1 },
      undefined,
      ({ events: all }) => {
        all.on("attempt-queue", ({ callId, attempt, isWaiting }) => {
          events.push([callId, attempt, isWaiting]);
        });
      },
    );
    expect(events).toEqual([
      [2, 1, true],
      [2, 1, false],
    ]);
  });
});

describe("What was certainly not sent", () => {
  const facts = {
    reason: "connection",
    billed: "none",
  };
  const free = { usage: { ...UNUSED }, totalCostUsd: 0 };

  test("because nobody listens there costs nothing, and may be tried again", async () => {
    const server = createTcpServer();
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    const url = `http://127.0.0.1:${port}`;
    const { error, ...used } = await invocation({ url }, failing);
    expect(error).toMatchObject({ ...facts, retryable: true });
    expect(used).toMatchObject(free);
  });

  test("because the host has no address costs nothing, and may be tried again", async () => {
    const url = "http://bedrock.invalid";
    const { error, ...used } = await invocation({ url }, failing);
    expect(error).toMatchObject({ ...facts, retryable: true });
    expect(used).toMatchObject(free);
  });

  test("because of the other side's certificate costs nothing; it is not tried again, and the code is named", async () => {
    const { cert, private: key } = await generate(
      [{ name: "commonName", value: "localhost" }],
      { keySize: 2048 },
    );
    const requests: unknown[] = [];
    const server = createTlsServer({ cert, key }, (request) => {
      requests.push(request.url);
    });
    const { error, ...used } = await asking(server, failing, "https");
    expect(error).toMatchObject({
      ...facts,
      retryable: false,
      serviceError: "DEPTH_ZERO_SELF_SIGNED_CERT",
      message:
        "The model us.anthropic.claude-haiku-4-5-20251001-v1:0 in us-east-1 could not be reached: the TLS connection failed (DEPTH_ZERO_SELF_SIGNED_CERT).",
    });
    expect(used).toMatchObject(free);
    expect(requests).toEqual([]);
  });

  test("because the other side does not speak TLS costs nothing, and is not tried again", async () => {
    const server = createServer(() => {});
    const { error, ...used } = await asking(server, failing, "https");
    expect(error).toMatchObject({ ...facts, retryable: false });
    expect(error.message).toMatch(/the TLS connection failed \((EPROTO|ERR_)/);
    expect(used).toMatchObject(free);
  });

  test("because the handshake does not end costs nothing, and may be tried again", async () => {
    const sockets = new Set<Socket>();
    const server = Object.assign(
      createTcpServer((socket) => {
        sockets.add(socket);
        socket.on("error", () => {});
      }),
      {
        closeAllConnections: () => {
          for (const socket of sockets) socket.destroy();
        },
      },
    );
    const { error, ...used } = await asking(
      server as unknown as TestServer,
      failing,
      "https",
    );
    expect(error).toMatchObject({ ...facts, retryable: true });
    expect(used).toMatchObject(free);
  });

  test("because there are no credentials costs nothing, whatever their provider throws", async () => {
    await using local = await start();
    const error = await failureOf(
      invocation(local, hello, {
        clientConfig: {
          endpoint: local.url,
          credentials: async () => {
            throw new Error("The vault is closed.");
          },
        },
      }),
    );
    expect(error).toMatchObject({ billed: "none" });
    expect(local.requests).toEqual([]);
  });

  test("because the process has no file descriptor left costs nothing, and may be tried again", async () => {
    await using local = await start();
    const script = new URL("fixtures/no-descriptors.ts", import.meta.url)
      .pathname;
    const { stdout } = await promisify(execFile)("/bin/sh", [
      "-c",
      `ulimit -n 256 && exec "$0" --conditions=@lambdallm/source --disable-warning=ExperimentalWarning "$1" "$2"`,
      process.execPath,
      script,
      local.url,
    ]);
    expect(JSON.parse(stdout)).toEqual({
      reason: "connection",
      billed: "none",
      retryable: true,
      serviceError: "EMFILE",
      answer: "Hello! How can I help you?",
    });
    expect(local.requests).toHaveLength(1);
  });
});

describe("A connection that nobody has used for a while", () => {
  beforeEach(() => fakeDate(Date.now()));
  afterEach(() => {
    jest.useRealTimers();
  });
  const freeze = () => {
    jest.setSystemTime(Date.now() + 5_000);
  };

  /** Answers while `isDead` does not want the connection to be reset. */
  function resetting(isDead: (requestOfSocket: number) => boolean) {
    const seen = new Map<Socket, number>();
    const server = createServer((request, response) => {
      const { socket } = request;
      const count = (seen.get(socket) ?? 0) + 1;
      seen.set(socket, count);
      if (isDead(count)) socket.resetAndDestroy();
      else
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(ANSWER);
    });
    return { server, requests: () => [...seen.values()] };
  }

  test("and has died, as in a sandbox that was frozen, is replaced by a new one at once", async () => {
    const { server, requests } = resetting((count) => count === 2);
    const attempts = await asking(server, async (context) => {
      await hello(context);
      freeze();
      expect(await hello(context)).toBe("Yes");
      return context.metrics.attempts;
    });
    expect(attempts).toBe(2);
    expect(requests()).toEqual([2, 1]);
  });

  test("takes those beside it with it, which are as old", async () => {
    const { server, requests } = resetting((count) => count === 2);
    await asking(server, async (context) => {
      await Promise.all([hello(context), hello(context)]);
      freeze();
      await hello(context);
      freeze();
      await hello(context);
    });
    // Of two, the one used last is found dead; so is, by the next call, the new one.
    expect(requests()).toEqual([1, 2, 2, 1]);
  });

  test("is not replaced twice: a new one that is reset as well may have been billed", async () => {
    let first = true;
    const { server, requests } = resetting(() => {
      const isDead = !first;
      first = false;
      return isDead;
    });
    const error = await asking(server, async (context) => {
      await hello(context);
      freeze();
      return failureOf(hello(context));
    });
    expect(error).toMatchObject({
      reason: "connection",
      retryable: true,
      billed: "unknown",
    });
    expect(requests()).toEqual([2, 1]);
  });
});

test("A connection that was in use just now, and is reset after the request, may have been billed, and is not tried again here", async () => {
  await using local = await start();
  const error = await invocation(local, async (context) => {
    await hello(context);
    local.setFaults([{ cut: "before" }]);
    return failureOf(hello(context));
  });
  expect(error).toMatchObject({ reason: "connection", billed: "unknown" });
  expect(local.requests).toHaveLength(2);
});

test("A new connection that is reset after the request may have been billed, and is not tried again here", async () => {
  await using local = await start();
  local.setFaults([{ cut: "before" }]);
  const error = await failureOf(invocation(local, hello));
  expect(error).toMatchObject({ reason: "connection", billed: "unknown" });
  expect(local.requests).toHaveLength(1);
});
