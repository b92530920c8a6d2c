import { createHash } from "node:crypto";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  expect,
  jest,
  test,
} from "@jest/globals";
import { listSuspended } from "@lambdallm/checkpoint";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import { plainClient } from "../../../test-support/dynamodb-client.ts";
import { fakeDate } from "../../../test-support/fake-date.ts";
import { suspendedIn } from "./support.ts";

const NOON = Date.UTC(2026, 10, 28, 12);

interface Asked {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown>;
}

let table: TestTable;
let server: Server;
/** What the stand-ins for SQS, EventBridge Scheduler and Lambda were asked for. */
let asked: Asked[];
const environment = { ...process.env };

beforeAll(async () => {
  table = await startTable();
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const { method, url: path, headers } = request;
    const body = JSON.parse(text);
    const isAgain = asked.some((one) => one.path === path && path !== "/");
    asked.push({ method, path, headers, body });
    if (path?.startsWith("/2015-03-31/functions/"))
      response.writeHead(202).end();
    else if (path?.startsWith("/schedules/") && isAgain)
      response
        .writeHead(409, { "x-amzn-errortype": "ConflictException" })
        .end(JSON.stringify({ Message: "Schedule already exists." }));
    else
      response.writeHead(200, { "content-type": "application/json" }).end(
        JSON.stringify({
          ScheduleArn: "arn:aws:scheduler:us-east-1:123456789012:schedule/x",
          MessageId: "m",
          MD5OfMessageBody: createHash("md5")
            .update(String(body["MessageBody"]))
            .digest("hex"),
        }),
      );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A TCP server has an address object.
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  Object.assign(process.env, table.env, {
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    AWS_ENDPOINT_URL_SQS: url,
    AWS_ENDPOINT_URL_SCHEDULER: url,
    AWS_ENDPOINT_URL_LAMBDA: url,
    AWS_LAMBDA_FUNCTION_NAME: "articles",
    FUNCTION_ARN: "arn:aws:lambda:us-east-1:123456789012:function:articles",
    SCHEDULER_ROLE_ARN: "arn:aws:iam::123456789012:role/scheduler",
    QUEUE_URL: `${url}/123456789012/articles`,
  });
});
beforeEach(() => {
  asked = [];
});
afterEach(() => {
  jest.useRealTimers();
});
afterAll(async () => {
  process.env = environment;
  server.closeAllConnections();
  server.close();
  await Promise.all([once(server, "close"), table.stop()]);
});

const minutes = () => new MockLambdaContext<never>({ timeoutMs: 600_000 });

const model = { responses: ["An outline.", "An article."] };

test(
  "A run goes on with a message in SQS, in several hops when it waits for long, and with the delivery that is repeated",
  mockModel(model, async ({ calls }) => {
    const { handler } = await import("./recipes/sqs.ts");
    const deliver = (messageId: string, body: unknown) =>
      // Lambda's event has more.
      handler(
        { Records: [{ messageId, body: String(body) }] } as never,
        minutes(),
      );
    fakeDate(NOON);
    const first = JSON.stringify({ topic: "foxes" });
    const { runId } = suspendedIn(await deliver("m1", first));
    // Nobody knows whether the first delivery has got anywhere.
    expect(suspendedIn(await deliver("m1", first)).runId).toBe(runId);
    const bodies = () => asked.map(({ body }) => body);
    const message = {
      QueueUrl: process.env["QUEUE_URL"],
      MessageBody: JSON.stringify({ runId }),
    };
    expect(bodies()).toEqual([
      { ...message, DelaySeconds: 900 },
      { ...message, DelaySeconds: 900 },
    ]);
    fakeDate(NOON + 900_000);
    suspendedIn(await deliver("m2", message.MessageBody));
    expect(bodies()[2]).toEqual({ ...message, DelaySeconds: 300 });
    fakeDate(NOON + 1_200_000);
    expect(await deliver("m3", message.MessageBody)).toBe("An article.");
    expect(await deliver("m3", message.MessageBody)).toBe("An article.");
    expect(bodies()).toHaveLength(3);
    expect(calls).toHaveLength(2);
  }),
);

test(
  "A run goes on with a one-time schedule of EventBridge Scheduler, which is made once",
  mockModel(model, async ({ calls }) => {
    const { handler } = await import("./recipes/scheduler.ts");
    fakeDate(NOON);
    const { runId } = suspendedIn(await handler({ topic: "foxes" }, minutes()));
    const resumeAt = NOON + 86_400_000;
    expect(asked).toMatchObject([
      {
        method: "POST",
        path: `/schedules/${runId}-${resumeAt}`,
        body: {
          ScheduleExpression: "at(2026-11-29T12:00:00)",
          FlexibleTimeWindow: { Mode: "OFF" },
          ActionAfterCompletion: "DELETE",
          Target: {
            Arn: process.env["FUNCTION_ARN"],
            RoleArn: process.env["SCHEDULER_ROLE_ARN"],
            Input: JSON.stringify({ runId }),
          },
        },
      },
    ]);
    const [schedule] = asked;
    const { Input } = Object(schedule?.body["Target"]);
    const early = await handler(JSON.parse(Input), minutes());
    expect(suspendedIn(early).runId).toBe(runId);
    expect(asked).toHaveLength(2);
    fakeDate(resumeAt);
    expect(await handler(JSON.parse(Input), minutes())).toBe("An article.");
    expect(calls).toHaveLength(2);
  }),
);

test(
  "A run that has no time left goes on in another invocation of the same function",
  mockModel(
    {
      responses: [
        { text: "late", delayMs: Number.POSITIVE_INFINITY },
        ...model.responses,
      ],
    },
    async ({ calls }) => {
      const { handler } = await import("./recipes/invoke.ts");
      // The guard's deadline is five seconds before the timeout.
      const context = new MockLambdaContext<never>({ timeoutMs: 6_500 });
      const answer = await handler({ topic: "foxes" }, context);
      const { runId } = suspendedIn(answer);
      expect(asked).toMatchObject([
        {
          path: "/2015-03-31/functions/articles/invocations",
          headers: { "x-amz-invocation-type": "Event" },
          body: { runId },
        },
      ]);
      const [invocation] = asked;
      expect(await handler(invocation?.body as never, minutes())).toBe(
        "An article.",
      );
      expect(calls).toHaveLength(3);
    },
  ),
);

test("No run is left waiting", async () => {
  const { tableName, clientConfig } = table;
  const store = dynamoDBStore({ tableName, client: plainClient(clientConfig) });
  expect(await listSuspended({ store })).toEqual({ runs: [] });
});

test("The README shows what is tested here", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const folder = new URL("recipes/", import.meta.url).pathname;
  for (const file of globSync("*.ts", { cwd: folder }))
    expect(readme).toContain(readFileSync(folder + file, "utf8"));
});
