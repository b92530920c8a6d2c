import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createTable } from "@lambdallm/dynamodb";
import {
  type Authorizer,
  installAwslambda,
  type LambdaHandler,
  type StartBedrockOptions,
  startBedrock,
  startFunctionUrl,
} from "@lambdallm/local";
import dynalite from "dynalite";

export interface LocalOptions {
  readonly dailyBudgetUsd: number;
  readonly bedrock?: StartBedrockOptions;
  /** Makes the handlers once the environment is there. @default those of `src/handler.ts` */
  readonly handlers?: () => Promise<{
    readonly chat: LambdaHandler;
    readonly chatStream: LambdaHandler;
  }>;
}

/** AWS finds out who has signed a request. Here the caller says it: `authorization: acme`. */
const authorizer: Authorizer = ({ authorization: userId }) =>
  userId ? { iam: { userId } } : undefined;

/** What the handlers need of AWS, in this process: a model, a table, and function URLs. */
export async function startLocally(options: LocalOptions) {
  const started = new AsyncDisposableStack();
  const bedrock = started.use(await startBedrock(options.bedrock));
  const dynamodb = started.use(await startDynamoDB());
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrock.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    TABLE_NAME: "chat",
    DAILY_BUDGET_USD: String(options.dailyBudgetUsd),
  });
  await createTable({ tableName: "chat" });
  installAwslambda();
  const { handlers = () => import("./src/handler.ts") } = options;
  const { chat, chatStream } = await handlers();
  const serve = async (handler: LambdaHandler, timeoutMs: number) =>
    started.use(await startFunctionUrl(handler, { timeoutMs, authorizer })).url;
  return {
    bedrock,
    dynamodb,
    chatUrl: await serve(chat, 30_000),
    chatStreamUrl: await serve(chatStream, 30_000),
    /** Has the time to begin with an answer, and not to wait for a slow model's end. */
    hastyChatStreamUrl: await serve(chatStream, 9_000),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

async function startDynamoDB() {
  const server = dynalite({ createTableMs: 0 });
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
