import { createServer, type Server } from "node:http";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
} from "node:net";
import { expect, test } from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import { Model, ModelInvocationError } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking from "@lambdallm/cost-tracking";
import session from "@lambdallm/session";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";
import fc from "fast-check";

/** What happens to a call on its way. */
const FAULTS = [
  "none",
  // Nothing of it reaches the service.
  "refused",
  "no address",
  "no TLS",
  "aborted in the handshake",
  "aborted in the queue",
  // All of it does.
  "reset before a byte",
  "reset in the headers",
  "reset in the body",
  "aborted before the answer",
] as const;
type Fault = (typeof FAULTS)[number];

const ANSWER = JSON.stringify({
  output: { message: { role: "assistant", content: [{ text: "Yes" }] } },
  stopReason: "end_turn",
  usage: { inputTokens: 100, outputTokens: 10, totalTokens: 110 },
  metrics: { latencyMs: 1 },
});
/** In the profile of a geography. */
const ANSWER_NANO_USD = 165_000;

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/** A service that does to each request what it is told, and remembers how many it has seen. */
class Service implements AsyncDisposable {
  seen = 0;
  answered = 0;
  fault: Fault = "none";
  /** Called when a request has come that is not answered. */
  onHeld = () => {};
  readonly #held: (() => void)[] = [];
  readonly #server: Server = createServer((request, response) => {
    request.resume().on("end", () => {
      this.seen += 1;
      const { socket } = request;
      const answer = () => {
        this.answered += 1;
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(ANSWER);
      };
      if (this.fault === "reset before a byte") socket.resetAndDestroy();
      else if (this.fault === "reset in the headers")
        socket.write(HEAD, () => socket.destroy());
      else if (this.fault === "reset in the body")
        socket.write(
          `${HEAD}content-length: ${ANSWER.length}\r\n\r\n${ANSWER.slice(0, 20)}`,
          () => socket.destroy(),
        );
      else if (this.fault.startsWith("aborted")) {
        this.#held.push(answer);
        this.onHeld();
      } else answer();
    });
  });

  async listen(): Promise<this> {
    await listening(this.#server);
    return this;
  }

  get port(): number {
    return portOf(this.#server);
  }

  letGo(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

interface Listening {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
}

function listening(server: Listening): Promise<void> {
  return new Promise((done) => server.listen(0, "127.0.0.1", done));
}

function portOf(server: Listening): number {
  return (server.address() as AddressInfo).port;
}

// A process without file descriptors is in bedrock/test/unsent.wire.test.ts: it has to be another one than this.
test("Whatever the network does: what is said to be billed, what the budget counts and what the session stores agree with what the service saw", async () => {
  await using service = await new Service().listen();
  // Nobody listens on its port any more.
  const gone = await new Service().listen();
  const { port: closedPort } = gone;
  await gone[Symbol.asyncDispose]();
  /** Takes connections, and says nothing. */
  const silent = createTcpServer();
  const connected = new Set<Socket>();
  let onConnected = () => {};
  silent.on("connection", (socket) => {
    connected.add(socket);
    socket.on("error", () => {});
    onConnected();
  });
  await listening(silent);

  const here = `http://127.0.0.1:${service.port}`;
  const endpoints: Readonly<Partial<Record<Fault, string>>> = {
    refused: `http://127.0.0.1:${closedPort}`,
    "no address": "http://bedrock.invalid",
    "no TLS": `https://127.0.0.1:${service.port}`,
    "aborted in the handshake": `https://127.0.0.1:${portOf(silent)}`,
  };
  const stores = memoryStores();
  let run = 0;

  async function ask(id: string, fault: Fault) {
    const controller = new AbortController();
    const abort = () => controller.abort();
    const model = bedrock({
      model: Model.CLAUDE_HAIKU_4_5,
      region: "us-east-1",
      maxSockets: 1,
      clientConfig: {
        endpoint: endpoints[fault] ?? here,
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      },
    });
    service.fault = fault;
    const handler = middy()
      .use(model)
      .use(session({ store: stores, id: () => id }))
      .use(
        costTracking({ store: stores, key: () => id, dailyBudgetUsd: 1_000 }),
      )
      .handler(async (_event, context) => {
        invocationOf(context).events.on("attempt-queue", abort);
        const { signal } = controller;
        return context.chat("Hello", { signal, maxTokens: 100 }).then(
          (text) => ({ text }),
          (error: unknown) => ({ error }),
        );
      });
    const blocking = middy()
      .use(model)
      .handler(async (_event, { invoke }) => invoke("Hello"));
    let blocker: Promise<unknown> | undefined;
    if (fault === "aborted in the queue")
      await new Promise<void>((held) => {
        service.onHeld = held;
        blocker = blocking({}, new MockLambdaContext());
      });
    onConnected = abort;
    service.onHeld = abort;
    const { seen, answered } = service;
    const outcome = await handler({}, new MockLambdaContext());
    const saw = {
      it: service.seen > seen,
      answeredIt: service.answered > answered,
    };
    service.letGo();
    await blocker;
    return { outcome, saw };
  }

  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...FAULTS), { minLength: 1, maxLength: 6 }),
      async (faults) => {
        run += 1;
        const id = `run-${run}`;
        let turns = 0;
        let usedNanoUsd = 0;
        for (const fault of faults) {
          const { outcome, saw } = await ask(id, fault);
          const { days } = await stores.budgets.read(`key/${id}`, Date.now());
          const [dayNanoUsd = 0] = Object.values(days);
          const callNanoUsd = dayNanoUsd - usedNanoUsd;
          usedNanoUsd = dayNanoUsd;
          if (saw.answeredIt) {
            expect([fault, outcome]).toEqual([fault, { text: "Yes" }]);
            expect([fault, callNanoUsd]).toEqual([fault, ANSWER_NANO_USD]);
          } else {
            const error = Reflect.get(outcome, "error");
            if (!ModelInvocationError.isInstance(error)) throw error;
            expect([fault, error.billed, callNanoUsd > 0]).toEqual(
              saw.it ? [fault, "unknown", true] : [fault, "none", false],
            );
          }
          const stored = await stores.sessions.load({
            tenantId: "default",
            sessionId: id,
          });
          // A question that the model may have answered is kept, and marked.
          if (saw.it) turns += 1;
          expect([fault, stored.turns.length]).toEqual([fault, turns]);
          if (saw.it)
            expect([fault, stored.turns.at(-1)?.messages.at(-1)]).toEqual([
              fault,
              expect.objectContaining(
                saw.answeredIt ? { role: "assistant" } : { incomplete: true },
              ),
            ]);
        }
      },
    ),
    { numRuns: 40 },
  );
  for (const socket of connected) socket.destroy();
  await new Promise((done) => silent.close(done));
});
