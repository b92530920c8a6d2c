import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { afterEach, describe, expect, test } from "@jest/globals";
import defaultExport, {
  bedrock,
  bedrockValidateOptions,
} from "@lambdallm/bedrock";
import { MockLambdaContext } from "@lambdallm/testing";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { middyMajors } from "../../../test-support/middy.ts";
import { clientConfig, start } from "./support.ts";

const [, [, middy]] = middyMajors as [unknown, (typeof middyMajors)[0]];
const environment = { ...process.env };
afterEach(() => {
  process.env = { ...environment };
});

const credentials = { accessKeyId: "local", secretAccessKey: "local" };

/** Runs one call with the environment as it is, and returns the authorization header it was sent with. */
async function callWith(
  options: Parameters<typeof bedrock>[0],
  environment: Record<string, string>,
) {
  const local = await start({ respond: () => "fine" });
  try {
    Object.assign(
      process.env,
      { AWS_ENDPOINT_URL_BEDROCK_RUNTIME: local.url },
      environment,
    );
    const handler = middy()
      .use(bedrock(options as object))
      .handler(async (_event, context) => context.invoke("Hello"));
    await handler({}, new MockLambdaContext());
    return local.requests[0]?.headers["authorization"];
  } finally {
    await local.close();
  }
}

describe("bedrock(options)", () => {
  test("is the default export too", () => {
    expect(defaultExport).toBe(bedrock);
  });

  test("accepts every option it documents", () => {
    expect(() =>
      bedrockValidateOptions({
        model: "amazon.nova-lite-v1:0",
        region: "us-gov-west-1",
        system: "Be brief.",
        maxTokens: 10,
        temperature: 0,
        topP: 1,
        stopSequences: [],
        tags: { team: "a" },
        bedrock: {},
        inferenceProfile: "none",
        client: {},
        clientConfig: {},
        maxSockets: 1,
        durable: false,
      }),
    ).not.toThrow();
  });

  test.each([
    [{ modle: "x" }, 'there is no option "modle". Options: model, system'],
    [{ model: " " }, 'the option "model" must be a non-empty string'],
    [
      { region: "Frankfurt" },
      'the option "region" must be an AWS Region such as eu-west-1',
    ],
    [{ region: "eu-west-1; drop" }, '"region" must be an AWS Region'],
    [
      { inferenceProfile: "eu" },
      '"inferenceProfile" must be one of geographic, global, none',
    ],
    [{ maxSockets: 0 }, '"maxSockets" must be a positive integer'],
    [{ durable: 1 }, '"durable" must be true or false'],
    [{ client: "x" }, '"client" must be an object'],
    [
      { client: {}, region: "eu-west-1" },
      'the option "client" brings its own settings',
    ],
    [
      { client: {}, clientConfig: {} },
      'the option "client" brings its own settings',
    ],
    [
      { client: {}, maxSockets: 3 },
      'the option "client" brings its own settings',
    ],
    [null, "the options must be an object"],
    [[], "the options must be an object"],
  ])("refuses %j at cold start", (options, message) => {
    expect(() => bedrock(options as object)).toThrow(message);
  });

  test("does not need a Region or credentials until the first call", () => {
    delete process.env["AWS_REGION"];
    delete process.env["AWS_DEFAULT_REGION"];
    expect(() => bedrock()).not.toThrow();
  });
});

describe("The service is found", () => {
  const keys = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };

  test("by AWS_ENDPOINT_URL_BEDROCK_RUNTIME and AWS_REGION", async () => {
    const authorization = await callWith(
      {},
      { ...keys, AWS_REGION: "eu-north-1" },
    );
    expect(authorization).toContain("/eu-north-1/bedrock/aws4_request");
  });

  test("by AWS_DEFAULT_REGION when AWS_REGION is empty", async () => {
    const authorization = await callWith(
      {},
      { ...keys, AWS_REGION: "", AWS_DEFAULT_REGION: "eu-south-1" },
    );
    expect(authorization).toContain("/eu-south-1/");
  });

  test("by the option region before both", async () => {
    const authorization = await callWith(
      { region: "us-west-2" },
      { ...keys, AWS_REGION: "eu-north-1" },
    );
    expect(authorization).toContain("/us-west-2/");
  });

  test("not with a malformed AWS_REGION, which is named", async () => {
    await expect(
      callWith({}, { ...keys, AWS_REGION: "Frankfurt" }),
    ).rejects.toThrow(
      'The environment variable AWS_REGION is not an AWS Region: "Frankfurt"',
    );
  });

  test("not without any Region, and the error says what to set", async () => {
    delete process.env["AWS_REGION"];
    delete process.env["AWS_DEFAULT_REGION"];
    await expect(
      callWith(
        {},
        {
          ...keys,
          AWS_CONFIG_FILE: "/nonexistent",
          AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
        },
      ),
    ).rejects.toMatchObject({
      name: "ConfigurationError",
      message:
        "No AWS Region is configured: set AWS_REGION, or bedrock({ region }).",
    });
  });

  test("by a client of the caller's own, which is the one handed out", async () => {
    const local = await start({ respond: () => "fine" });
    const client = new BedrockRuntimeClient({
      region: "ca-central-1",
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler(),
      ...clientConfig(local),
    });
    const handler = middy()
      .use(bedrock({ client }))
      .handler(async (_event, context) => {
        expect(context.getRawClient()).toBe(client);
        return context.converse({
          messages: [{ role: "user", content: [{ text: "Hi" }] }],
        });
      });
    const { region } = await handler({}, new MockLambdaContext());
    expect(region).toBe("ca-central-1");
    await local.close();
  });

  test("and the client made here can be had as well", async () => {
    const handler = middy()
      .use(bedrock({ region: "us-east-1", clientConfig: { credentials } }))
      .handler(async (_event, context) => context.getRawClient());
    expect(await handler({}, new MockLambdaContext())).toBeInstanceOf(
      BedrockRuntimeClient,
    );
  });

  test("with credentials missing, as a typed error", async () => {
    for (const name of [
      "AWS_ACCESS_KEY_ID",
      "AWS_SECRET_ACCESS_KEY",
      "AWS_PROFILE",
    ])
      delete process.env[name];
    await expect(
      callWith(
        { region: "us-east-1" },
        {
          AWS_CONFIG_FILE: "/nonexistent",
          AWS_SHARED_CREDENTIALS_FILE: "/nonexistent",
          AWS_EC2_METADATA_DISABLED: "true",
        },
      ),
    ).rejects.toMatchObject({
      reason: "credentials",
      retryable: false,
      billed: "none",
    });
  });
});

test("A handler works without a Lambda context, as in a script", async () => {
  const local = await start({ respond: () => "fine" });
  const handler = middy()
    .use(bedrock({ region: "us-east-1", clientConfig: clientConfig(local) }))
    .handler(async (_event, context) => ({
      answer: await context.invoke("Hello"),
      remainingTimeMs: context.remainingTimeMs,
    }));
  expect(await handler({}, {} as never)).toEqual({
    answer: "fine",
    remainingTimeMs: Number.POSITIVE_INFINITY,
  });
  await local.close();
});

describe("A durable handler", () => {
  test("gets context.llm and keeps its own invoke", async () => {
    const local = await start({ respond: () => "fine" });
    const invoke = () => "the durable context's own";
    const handler = middy()
      .use(
        bedrock({
          region: "us-east-1",
          durable: true,
          clientConfig: clientConfig(local),
        }),
      )
      .handler(async (_event, context) => ({
        own: Reflect.get(context, "invoke"),
        answer: await context.llm.invoke("Hello"),
        remainingTimeMs: context.llm.remainingTimeMs,
      }));
    const durableContext = {
      invoke,
      lambdaContext: { getRemainingTimeInMillis: () => 60_000 },
    };
    // The durable SDK is not installed here; this is the part of its context that counts.
    expect(await handler({}, durableContext as never)).toEqual({
      own: invoke,
      answer: "fine",
      remainingTimeMs: 60_000,
    });
    await local.close();
  });
});
