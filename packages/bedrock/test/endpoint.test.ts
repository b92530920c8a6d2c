import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { afterEach, describe, expect, test } from "@jest/globals";
import bedrock, { type BedrockOptions } from "@lambdallm/bedrock";
import { invocationOf } from "@lambdallm/core/feature";
import { MockLambdaContext } from "@lambdallm/testing";

const environment = { ...process.env };
afterEach(() => {
  process.env = { ...environment };
});

/** What observers are told of where calls are sent to. */
async function endpointOf(options: BedrockOptions, model = "m") {
  const context = new MockLambdaContext();
  const { before, after } = bedrock(options);
  const request = { context, event: {}, internal: {} } as never;
  await before(request);
  const endpoint = invocationOf(context).provider.endpoint?.(model);
  await after(request);
  return endpoint;
}

describe("The endpoint is told", () => {
  test.each<
    [what: string, options: BedrockOptions, model: string, expected: string]
  >([
    [
      "of the Region",
      { region: "eu-west-1" },
      "m",
      "https://bedrock-runtime.eu-west-1.amazonaws.com",
    ],
    [
      "of the Region that an ARN names",
      { region: "eu-west-1" },
      "arn:aws:bedrock:us-east-1:1:inference-profile/m",
      "https://bedrock-runtime.us-east-1.amazonaws.com",
    ],
    [
      "as it is configured",
      {
        region: "eu-west-1",
        clientConfig: { endpoint: "http://localhost:1" },
      },
      "m",
      "http://localhost:1",
    ],
  ])("%s", async (_what, options, model, expected) => {
    expect(await endpointOf(options, model)).toBe(expected);
  });
});

describe("The endpoint is not told where it may be another one:", () => {
  const region = "eu-west-1";
  test.each<[what: string, options: BedrockOptions]>([
    [
      "of a client that the caller brings",
      { client: new BedrockRuntimeClient({ region }) },
    ],
    [
      "a function",
      { region, clientConfig: { endpoint: async () => ({}) as never } },
    ],
    ["FIPS", { region, clientConfig: { useFipsEndpoint: true } }],
    ["dual stack", { region, clientConfig: { useDualstackEndpoint: true } }],
    ["another partition", { region: "cn-north-1" }],
    ["the sovereign cloud of Europe", { region: "eusc-de-east-1" }],
  ])("%s", async (_what, options) => {
    expect(await endpointOf(options)).toBeUndefined();
  });

  test("the environment names one, or no Region", async () => {
    process.env["AWS_ENDPOINT_URL"] = "http://localhost:1";
    expect(await endpointOf({ region })).toBeUndefined();
    delete process.env["AWS_ENDPOINT_URL"];
    delete process.env["AWS_REGION"];
    delete process.env["AWS_DEFAULT_REGION"];
    expect(await endpointOf({})).toBeUndefined();
  });
});
