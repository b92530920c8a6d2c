import { Metrics } from "@aws-lambda-powertools/metrics";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { MockLambdaContext } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { printed } from "../../../test-support/quiet.ts";
import { emfFaults, metricsIn } from "./emf-rules.ts";
import { functionOf, type Scene } from "./support.ts";

/** What Powertools has printed, as lines that CloudWatch takes. */
function written(): string[] {
  const lines = printed().map((line) => line.replace(/\n$/, ""));
  expect(lines.flatMap((line) => emfFaults(line))).toEqual([]);
  return lines;
}

const { POWERTOOLS_DEV } = process.env;
beforeEach(() => {
  process.env["POWERTOOLS_DEV"] = "false";
});
afterEach(() => {
  if (POWERTOOLS_DEV === undefined) delete process.env["POWERTOOLS_DEV"];
});

describe.each(middyMajors)("metrics({ powertools }) on %s", (_name, middy) => {
  const withPowertools = (
    powertools: Metrics,
    handler: Parameters<typeof functionOf<unknown>>[0] = async ({ invoke }) =>
      invoke("Hello"),
    scene: Scene = {},
  ) =>
    functionOf(handler, {
      middy,
      ...scene,
      options: { write: undefined, powertools, ...scene.options },
    });

  test("writes one document for a group of values, in their namespace and with their dimensions", async () => {
    const powertools = new Metrics({
      namespace: "Shop",
      serviceName: "orders",
      defaultDimensions: { stage: "prod" },
    });
    const { invoke } = withPowertools(powertools);
    await invoke({}, new MockLambdaContext({ awsRequestId: "request-1" }));
    const lines = written();
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      _aws: { CloudWatchMetrics: [{ Namespace: "Shop" }] },
      requestId: "request-1",
    });
    const metrics = metricsIn(lines);
    expect(metrics).toMatchObject({
      "Calls{service=orders,stage=prod}": [1],
      "Calls{model=anthropic.claude-haiku-4-5-20251001-v1:0,service=orders,stage=prod}":
        [1],
    });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      _aws: {
        CloudWatchMetrics: [
          {
            Metrics: expect.arrayContaining([
              { Name: "Latency", Unit: "Milliseconds" },
            ]),
          },
        ],
      },
    });
  });

  test("leaves what the handler has stored where it is", async () => {
    const powertools = new Metrics({ namespace: "Shop", serviceName: "s" });
    const { invoke } = withPowertools(powertools, async ({ invoke: ask }) => {
      powertools.addDimension("country", "NO").addMetric("Orders", "Count", 1);
      await ask("Hello");
    });
    await invoke();
    expect(metricsIn(written())).not.toHaveProperty("Orders{country=NO}");
    powertools.publishStoredMetrics();
    expect(metricsIn(written())).toEqual({
      "Orders{country=NO,service=s}": [1],
    });
  });

  test("keeps the dimensions of hundreds of calls", async () => {
    const powertools = new Metrics({ namespace: "Shop", serviceName: "s" });
    const { invoke } = withPowertools(
      powertools,
      async ({ invoke: ask }) => {
        for (let call = 0; call < 250; call += 1) await ask("Hello");
      },
      { options: { dimensions: [], fixedDimensions: { part: "chat" } } },
    );
    await invoke();
    const lines = written();
    expect(lines).toHaveLength(3);
    const metrics = metricsIn(lines);
    for (const name of ["Calls", "Latency", "OutputTokens"])
      expect(metrics[`${name}{part=chat,service=s}`]).toHaveLength(250);
    expect(Object.keys(metrics)).toEqual(
      Object.keys(metrics).filter((key) => key.includes("{part=chat,serv")),
    );
  });

  test("writes nothing where Powertools is disabled", async () => {
    process.env["POWERTOOLS_METRICS_DISABLED"] = "true";
    try {
      const powertools = new Metrics({ namespace: "Shop" });
      await withPowertools(powertools).invoke();
      expect(printed()).toEqual([]);
    } finally {
      delete process.env["POWERTOOLS_METRICS_DISABLED"];
    }
  });

  test("follows default dimensions that are set later", async () => {
    const powertools = new Metrics({ namespace: "Shop", serviceName: "s" });
    const { invoke } = withPowertools(powertools);
    powertools.setDefaultDimensions({ stage: "prod" });
    await invoke();
    expect(metricsIn(written())["Calls{service=s,stage=prod}"]).toEqual([1]);
  });
});
