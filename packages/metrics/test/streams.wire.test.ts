import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import type { Usage } from "@lambdallm/core";
import { type Fault, type LocalBedrock, startBedrock } from "@lambdallm/local";
import { middyMajors } from "../../../test-support/middy.ts";
import { functionOf, type HandlerContext, rejection } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await startBedrock({
    now: () => Date.UTC(2026, 10, 22),
    respond: () => "one two three four five six seven eight nine ten",
  });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

/** What the context says that was used, in the end. */
interface Used {
  usage: Usage;
  costUsd: number | undefined;
}

describe.each(middyMajors)("Metrics of a stream on %s", (_name, middy) => {
  const run = async (
    read: (context: HandlerContext) => Promise<unknown>,
    faults: readonly Fault[] = [],
  ) => {
    local.setFaults([...faults]);
    const { invoke, written } = functionOf(
      async (context): Promise<Used> => {
        await read(context);
        return { usage: context.usage, costUsd: context.totalCostUsd };
      },
      {
        middy,
        provider: bedrock({
          region: "us-east-1",
          clientConfig: {
            endpoint: local.url,
            credentials: { accessKeyId: "local", secretAccessKey: "local" },
          },
        }),
      },
    );
    const used = await invoke();
    return { used, written };
  };

  test("have the time to the first token, and what the context says was used", async () => {
    const { used, written } = await run(async ({ stream }) => {
      for await (const _ of stream("Count to {n}", { n: 10 }));
    });
    const { overall, metrics } = written;
    expect(overall).toEqual({
      ...{ Calls: [1], Attempts: [1], TimeToFirstToken: [expect.any(Number)] },
      InputTokens: [used.usage.inputTokens],
      OutputTokens: [used.usage.outputTokens],
      CostUsd: [used.costUsd],
    });
    const [latency = 0] = metrics["Latency{}"] ?? [];
    const [first = 0] = metrics["TimeToFirstToken{}"] ?? [];
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(latency);
  });

  test("have them once also when the model breaks off", async () => {
    const { used, written } = await run(
      async ({ stream }) =>
        rejection(
          (async () => {
            for await (const _ of stream("Hello"));
          })(),
        ),
      [{ streamError: { name: "modelStreamErrorException", afterEvents: 4 } }],
    );
    expect(written.overall).toEqual({
      ...{ Calls: [1], Attempts: [1], Errors: [1] },
      TimeToFirstToken: [expect.any(Number)],
      InputTokens: [used.usage.inputTokens],
      OutputTokens: [used.usage.outputTokens],
      CostUsd: [used.costUsd],
    });
    expect(used.usage.outputTokens).toBeGreaterThan(0);
  });

  test("have them once also when the reader leaves", async () => {
    const { used, written } = await run(
      async ({ stream }) => {
        for await (const _ of stream("Hello")) break;
      },
      [{ tokenDelayMs: 5 }],
    );
    expect(written.overall).toMatchObject({
      ...{ Calls: [1], Attempts: [1] },
      InputTokens: [used.usage.inputTokens],
      OutputTokens: [used.usage.outputTokens],
    });
  });
});
