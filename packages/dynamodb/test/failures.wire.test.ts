import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ConfigurationError, StoreError } from "@lambdallm/core";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import { startTable, type TestTable } from "../../../test-support/dynalite.ts";
import {
  errorOf,
  failAction,
  injectFaults,
  plainClient,
  seeded,
} from "../../../test-support/dynamodb-client.ts";
import { printed } from "../../../test-support/quiet.ts";
import {
  failureOf,
  newSession,
  newStep,
  say,
  storeOf,
  times,
} from "./support.ts";

let table: TestTable;

beforeAll(async () => {
  table = await startTable();
});
afterAll(() => table.stop());

const turn = { first: 0, messages: [say("secret")], writeId: "w" };
const status = (httpStatusCode: number) => ({ $metadata: { httpStatusCode } });

describe("A table that cannot be used", () => {
  test("because it does not exist: not-found names it and how to create it", async () => {
    const { sessions } = dynamoDBStore({
      tableName: "missing-table",
      clientConfig: table.clientConfig,
    });
    const failure = await failureOf(sessions.append(newSession(), turn));
    expect(failure).toBeInstanceOf(StoreError);
    expect(failure).toMatchObject({
      reason: "not-found",
      operation: "append",
      serviceError: "ResourceNotFoundException",
      retryable: false,
      statusCode: 503,
    });
    expect(failure.message).toMatch(/"missing-table".*tableName.*createTable/);
  });

  test("because the role may not: access-denied names the action and where the policy is", async () => {
    const client = failAction(plainClient(table.clientConfig), "PutItem", () =>
      errorOf("AccessDeniedException", status(400)),
    );
    const { sessions } = storeOf(table, client);
    const failure = await failureOf(sessions.append(newSession(), turn));
    expect(failure).toMatchObject({
      reason: "access-denied",
      retryable: false,
    });
    expect(failure.message).toContain("dynamodb:PutItem");
    expect(failure.message).toContain(table.tableName);
    expect(failure.message).toContain("iamPolicy()");
  });

  test("because its keys have other names: invalid-request says what they must be", async () => {
    const client = failAction(plainClient(table.clientConfig), "GetItem", () =>
      errorOf("ValidationException", status(400)),
    );
    const { budgets } = storeOf(table, client);
    const failure = await failureOf(budgets.read("s", 0));
    expect(failure).toMatchObject({ reason: "invalid-request" });
    expect(failure.message).toContain("PK and SK");
  });

  test("because there is no Region: a ConfigurationError says what to set", async () => {
    const { sessions } = storeOf(
      table,
      failAction(
        plainClient(table.clientConfig),
        "Query",
        () => new Error("Region is missing"),
      ),
    );
    const failure = await failureOf(sessions.load(newSession()));
    expect(failure).toBeInstanceOf(ConfigurationError);
    expect(failure.message).toContain("AWS_REGION");
  });

  const others: readonly (readonly [string, Error, string, boolean])[] = [
    [
      "expired credentials",
      errorOf("ExpiredTokenException", status(400)),
      "credentials",
      false,
    ],
    [
      "no credentials",
      errorOf("CredentialsProviderError"),
      "credentials",
      false,
    ],
    [
      "an item that is too large",
      Object.assign(errorOf("ValidationException"), {
        message: "Item size has exceeded the maximum allowed size",
      }),
      "too-large",
      false,
    ],
    [
      "an item that grew too large",
      Object.assign(errorOf("ValidationException"), {
        message: "Item size to update has exceeded the maximum allowed size",
      }),
      "too-large",
      false,
    ],
    [
      "a 4xx of an unknown name",
      errorOf("NewException", status(418)),
      "invalid-request",
      false,
    ],
    [
      "an error of the caller's own middleware",
      new TypeError("oops"),
      "failed",
      false,
    ],
  ];
  test.each(others)(
    "because of %s: it is not tried again",
    async (_, error, reason, retryable) => {
      let requests = 0;
      const client = failAction(
        plainClient(table.clientConfig),
        "Query",
        () => {
          requests += 1;
          return error;
        },
      );
      const failure = await failureOf(
        storeOf(table, client).sessions.load(newSession()),
      );
      expect(failure).toMatchObject({
        reason,
        retryable,
        serviceError: error.name,
        cause: error,
      });
      expect(requests).toBe(1);
      // Operators need the name; whoever is shown the message does not.
      expect(failure.message.includes(table.tableName)).toBe(!failure.expose);
    },
  );

  test("because of something that is no error at all", async () => {
    const client = plainClient(table.clientConfig);
    client.middlewareStack.add(
      () => async () => {
        throw "oops";
      },
      { step: "initialize" },
    );
    const failure = await failureOf(
      storeOf(table, client).sessions.load(newSession()),
    );
    expect(failure).toMatchObject({ reason: "failed", serviceError: "string" });
  });
});

describe("What passes is absorbed:", () => {
  const passing: readonly (readonly [string, Error])[] = [
    ["ThrottlingException", errorOf("ThrottlingException", status(400))],
    [
      "ProvisionedThroughputExceededException",
      errorOf("ProvisionedThroughputExceededException", status(400)),
    ],
    ["RequestLimitExceeded", errorOf("RequestLimitExceeded", status(400))],
    ["InternalServerError", errorOf("InternalServerError", status(500))],
    [
      "TransactionInProgressException",
      errorOf("TransactionInProgressException", status(400)),
    ],
    ["a 503 of an unknown name", errorOf("Unknown", status(503))],
    ["TimeoutError", errorOf("TimeoutError")],
    ["ECONNRESET", errorOf("Error", { code: "ECONNRESET" })],
    ["ECONNREFUSED", errorOf("Error", { code: "ECONNREFUSED" })],
    ["EPIPE", errorOf("Error", { code: "EPIPE" })],
  ];
  test.each(passing)("%s", async (_, error) => {
    const client = failAction(
      plainClient(table.clientConfig),
      "PutItem",
      (request) => (request <= 3 ? error : undefined),
    );
    const { sessions } = storeOf(table, client, { timeoutMs: 60_000 });
    expect(await sessions.append(newSession(), turn)).toBe(true);
  });

  test("a used-up retry quota of a client that brings the SDK's own retries", async () => {
    const client = injectFaults(
      new DynamoDBClient(table.clientConfig),
      seeded(3),
      { lostReplies: 0.2, lostRequests: 0.1, throttled: 0.1 },
    );
    const { steps } = storeOf(table, client, { timeoutMs: 60_000 });
    const claims = await Promise.all(
      times(200, () => steps.claim(newStep(), { owner: "a", leaseMs: 60_000 })),
    );
    for (const claim of claims)
      expect(claim).toEqual({ status: "claimed", fence: 1 });
    expect(printed()).toEqual([
      "LambdaLLMWarning: dynamoDBStore: the client repeats requests itself, up to 4 times: make it with maxAttempts: 1; its repetitions multiply with those of the middlewares, and nobody counts what they cost",
    ]);
  });
});

describe("What does not pass ends with the deadline:", () => {
  test("throttling, with the last error as its cause", async () => {
    let requests = 0;
    const error = errorOf("ThrottlingException", status(400));
    const client = failAction(
      plainClient(table.clientConfig),
      "PutItem",
      () => {
        requests += 1;
        return error;
      },
    );
    const { sessions } = storeOf(table, client, {
      timeoutMs: 3_000,
      random: () => 0.5,
    });
    const failure = await failureOf(sessions.append(newSession(), turn));
    expect(failure).toMatchObject({
      reason: "throttled",
      retryable: true,
      serviceError: "ThrottlingException",
      cause: error,
    });
    expect(requests).toBeGreaterThan(2);
    expect(failure.expose).toBe(true);
    expect(failure.message).not.toContain(table.tableName);
    // 25, 50, 100 ms and so on up to half a second: more would not fit.
    expect(requests).toBeLessThan(16);
  });

  test("nobody there", async () => {
    const { sessions } = dynamoDBStore({
      tableName: "test-table",
      region: "us-east-1",
      clientConfig: { ...table.clientConfig, endpoint: "http://127.0.0.1:1" },
      timeoutMs: 2_000,
    });
    const failure = await failureOf(sessions.load(newSession()));
    expect(failure).toMatchObject({
      reason: "unavailable",
      retryable: true,
      expose: true,
    });
    expect(failure.message).not.toContain("test-table");
  });

  test("a service that does not answer: each request is given up in time for another, then all of it", async () => {
    let requests = 0;
    const server = createServer(() => {
      requests += 1;
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // A TCP server has an address object.
    const { port } = server.address() as AddressInfo;
    const { sessions } = dynamoDBStore({
      tableName: "test-table",
      clientConfig: {
        ...table.clientConfig,
        endpoint: `http://127.0.0.1:${port}`,
      },
      timeoutMs: 5_000,
    });
    const failure = await failureOf(sessions.load(newSession()));
    expect(failure).toMatchObject({ retryable: true });
    expect(["timeout", "unavailable"]).toContain(failure.reason);
    expect(failure.message).not.toContain("test-table");
    expect(requests).toBeGreaterThan(1);
    server.closeAllConnections();
    server.close();
  });

  test("no error quotes what was to be stored", async () => {
    const client = failAction(plainClient(table.clientConfig), "PutItem", () =>
      errorOf("AccessDeniedException", status(400)),
    );
    const failure = await failureOf(
      storeOf(table, client).sessions.append(newSession(), turn),
    );
    expect(JSON.stringify(failure) + failure.stack).not.toContain("secret");
  });
});
