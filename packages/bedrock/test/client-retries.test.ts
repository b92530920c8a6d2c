import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import { MockLambdaContext } from "@lambdallm/testing";
import middy from "@middy/core";

let warnings: jest.SpiedFunction<typeof process.emitWarning>;
beforeEach(() => {
  warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
});
afterEach(() => warnings.mockRestore());

/** Calls a model twice, on a client that nobody answers. */
async function use(client: object): Promise<unknown[]> {
  const handler = middy()
    .use(bedrock({ client: client as BedrockRuntimeClient }))
    .handler(async (_event, { invoke }) =>
      Promise.allSettled([invoke("Hello"), invoke("Hello again")]),
    );
  await handler({}, new MockLambdaContext());
  await handler({}, new MockLambdaContext());
  return warnings.mock.calls.map(([text]) => text);
}

function clientOf(config: object) {
  const client = new BedrockRuntimeClient({
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    requestHandler: {
      handle: async () => {
        throw new Error("No.");
      },
    },
    ...config,
  });
  return client;
}

describe("A client of the caller's own", () => {
  test("that repeats requests itself is told about once", async () => {
    expect(await use(clientOf({}))).toEqual([
      "bedrock: the client repeats requests itself, up to 3 times: make it with maxAttempts: 1; its repetitions multiply with those of the middlewares, and nobody counts what they cost",
    ]);
  });

  test("with maxAttempts: 1 is as it should be", async () => {
    expect(await use(clientOf({ maxAttempts: 1 }))).toEqual([]);
  });

  test.each([
    ["without settings", {}],
    ["with a number", { config: { maxAttempts: 1 } }],
    [
      "whose settings fail",
      {
        config: {
          maxAttempts: async () => {
            throw new Error("No.");
          },
        },
      },
    ],
  ])("or a stub of it %s is not", async (_what, stub) => {
    const send = async () => ({});
    expect(await use({ send, ...stub })).toEqual([]);
  });
});
