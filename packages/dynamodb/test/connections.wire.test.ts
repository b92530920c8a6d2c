import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "@jest/globals";
import { dynamoDBStore } from "@lambdallm/dynamodb";

test("Operations wait for a free connection longer than for a connection to be made", async () => {
  let open = 0;
  let most = 0;
  const server = createServer((request, response) => {
    open += 1;
    most = Math.max(most, open);
    request.resume();
    setTimeout(() => {
      open -= 1;
      response
        .writeHead(200, { "content-type": "application/x-amz-json-1.0" })
        .end("{}");
    }, 1_300);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  const { sessions } = dynamoDBStore({
    tableName: "held",
    region: "us-east-1",
    clientConfig: {
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    },
    timeoutMs: 60_000,
  });
  const found = await Promise.all(
    Array.from({ length: 60 }, (_, index) =>
      sessions.load(
        { tenantId: "t", sessionId: `s${index}` },
        { lastMessages: 1 },
      ),
    ),
  ).finally(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const empty = { turns: [], hasOlder: false, next: 0 };
  expect(found).toEqual(Array.from({ length: 60 }, () => empty));
  expect(most).toBe(50);
});
