import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createTable } from "@lambdallm/dynamodb";
import {
  type BedrockRequest,
  type ReplyObject,
  startBedrock,
} from "@lambdallm/local";
import dynalite from "dynalite";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
const FILES = fileURLToPath(new URL("files", import.meta.url));

export interface Answer {
  /** Left out when the process was killed. */
  readonly result?: unknown;
  readonly error?: string;
  readonly retryAfterMs?: number;
}

export interface Letter {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** What the functions need of AWS, and the desk, in this process; the functions run in processes of their own. */
export async function startLocally() {
  const started = new AsyncDisposableStack();
  let answered = 0;
  let kill: (() => void) | undefined;
  const letters: Letter[] = [];
  const bedrock = started.use(
    await startBedrock({
      respond: (request) => {
        answered += 1;
        kill?.();
        return reply(request);
      },
    }),
  );
  const dynamodb = started.use(await listening(dynalite({ createTableMs: 0 })));
  const desk = started.use(
    await listening(
      createServer(async (request, response) => {
        const path = String(request.url);
        // The functions send objects.
        const body = (await json(request)) as Letter["body"];
        letters.push({ path, body });
        response.end();
      }),
    ),
  );
  const env = {
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrock.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    TABLE_NAME: "research",
    DESK_URL: desk.url,
    FILES,
  };
  Object.assign(process.env, env);
  await createTable({ tableName: "research" });

  /** Runs a function in a process of its own. With `killAt` it is killed while it waits for that answer of the model. */
  async function invoke(
    name: "research" | "waiting" | "decide",
    event: object,
    {
      awsRequestId = randomUUID(),
      killAt = 0,
    }: { readonly awsRequestId?: string; readonly killAt?: number } = {},
  ): Promise<Answer> {
    const child = fork(WORKER, {
      env: { ...env, PATH: process.env["PATH"] },
      execArgv: [
        "--conditions=@lambdallm/source",
        "--disable-warning=ExperimentalWarning",
      ],
    });
    let answer: Answer = {};
    child.on("message", (message) => {
      // What the worker sends.
      answer = message as Answer;
    });
    answered = 0;
    kill = () => {
      if (answered === killAt) child.kill("SIGKILL");
    };
    child.send({ name, event, awsRequestId });
    await once(child, "close");
    return answer;
  }

  return {
    bedrock,
    letters,
    invoke,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

async function listening(server: Server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A TCP server has an address object.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const CALLS = [
  ["search", { words: ["oven"] }],
  ["search", { words: ["kilowatt hour", "days a year"] }],
  [
    "publish",
    {
      title: "A new oven pays for itself in about ten years",
      text: "It saves 12 kWh a day: 12 x 300 x 0.31 = 1,116 euros a year, and costs 11,400.",
    },
  ],
] as const;

/** A model that knows this one question, by how far the conversation is. */
function reply({ messages }: BedrockRequest): ReplyObject {
  const turn = messages.filter(({ role }) => role === "assistant").length;
  const [name, input] = CALLS[turn] ?? [];
  if (name === undefined || input === undefined)
    return {
      content: [
        { text: "Yes, in about ten years: it saves 1,116 euros a year." },
      ],
    };
  return {
    content: [{ toolUse: { toolUseId: `call-${turn + 1}`, name, input } }],
  };
}
