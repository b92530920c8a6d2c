import { afterEach, expect, test } from "@jest/globals";
import { Model } from "@lambdallm/core";
import { providerMiddleware } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { run, setUp, tearDown } from "./support.ts";

const [[, middy]] = middyMajors as [(typeof middyMajors)[number]];

afterEach(tearDown);

test.each([
  ["https://model.example.com", "model.example.com", 443],
  ["http://model.example.com/path", "model.example.com", 80],
  ["https://[::1]:8443", "[::1]", 8443],
  ["nowhere", undefined, undefined],
])(
  "A call to %s has the server %s and the port %s",
  async (endpoint, host, port) => {
    const sdk = setUp();
    const provider = Object.assign(new MockProvider(), {
      endpoint: () => endpoint,
    });
    await run(middy, ({ invoke }) => invoke("Hello"), {
      model: {
        middleware: () =>
          providerMiddleware({
            provider,
            defaults: { model: Model.CLAUDE_HAIKU_4_5 },
          }),
      },
    });
    expect(provider.totalCalls).toBe(1);
    const { attributes } = sdk.span(`chat ${Model.CLAUDE_HAIKU_4_5}`);
    expect(attributes["server.address"]).toBe(host);
    expect(attributes["server.port"]).toBe(port);
  },
);
