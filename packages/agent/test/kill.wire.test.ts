import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import { seeded } from "../../../test-support/dynamodb-client.ts";
import { kills } from "../../../test-support/kills.ts";
import {
  answerTo,
  MODEL_STEPS,
  RUN_USD,
  TOOL_STEPS,
} from "./fixtures/clerk-model.ts";
import { onDurableFunctions, onTable } from "./kill-hosts.ts";
import { type Delivery, KilledRun } from "./killed-run.ts";

const ROUNDS = kills(2);
/** What one model call and the recording of its step take at most, more or less. */
const STEP_MS = 20;

let folder: string;
let local: LocalBedrock;
let run: KilledRun;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lambdallm-agent-"));
  local = await startBedrock({
    now: () => Date.UTC(2026, 10, 28),
    respond: (request) => {
      const { step, reply } = answerTo(request);
      run.modelCalled(step);
      return reply;
    },
  });
});
afterAll(async () => {
  await local.close();
  await rm(folder, { recursive: true });
});

const begin = (kills: readonly (readonly [number, number])[]) =>
  KilledRun.begin({
    file: join(folder, "calls"),
    bedrockUrl: local.url,
    kills: new Map(kills),
  });

/** What was called although it was recorded, or twice in the same process. */
function repeatedIn(
  { recorded }: Delivery,
  calls: readonly string[],
): readonly string[] {
  const seen = new Set(recorded);
  return calls.filter((step) => seen.size === seen.add(step).size);
}

test.each([
  ["the checkpoint store", onTable],
  ["durable functions", onDurableFunctions],
])(
  "On %s, an agent that is killed at any moment comes to the same result and costs, and repeats nothing that was recorded",
  async (_name, start) => {
    await using host = await start();
    const random = seeded(20_261_128);
    run = await begin([]);
    const { result: whole } = await host.complete(run, "whole");
    expect(whole).toMatchObject({
      answer: expect.stringMatching(/^Answer 8 to \d+ characters\.$/),
      status: "completed",
      iterations: 8,
      toolCalls: TOOL_STEPS.length + 1,
      totalCostUsd: RUN_USD,
    });
    const called = run.deliveries.flatMap(({ modelCalls }) => modelCalls);
    expect(called).toEqual(MODEL_STEPS);
    let deaths = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const kills = Array.from({ length: 1 + Math.floor(random() * 2) }, () => {
        const call = 1 + Math.floor(random() * MODEL_STEPS.length);
        const waitMs = Math.max(0, (random() * 1.2 - 0.2) * STEP_MS);
        return [call, waitMs] as const;
      });
      run = await begin(kills);
      const { result, costUsd = result.totalCostUsd } = await host.complete(
        run,
        `round ${round}`,
      );
      const { runId } = result;
      expect(result).toEqual({ ...whole, runId });
      expect(costUsd).toBe(whole.totalCostUsd);
      const { deliveries } = run;
      for (const delivery of deliveries) {
        expect(repeatedIn(delivery, delivery.modelCalls)).toEqual([]);
        expect(repeatedIn(delivery, delivery.toolCalls)).toEqual([]);
      }
      const all = (calls: (delivery: Delivery) => readonly string[]) =>
        [...new Set(deliveries.flatMap(calls))].sort();
      expect(all(({ modelCalls }) => modelCalls)).toEqual(
        MODEL_STEPS.toSorted(),
      );
      expect(all(({ toolCalls }) => toolCalls)).toEqual(TOOL_STEPS.toSorted());
      deaths += deliveries.filter(({ wasKilled }) => wasKilled).length;
    }
    expect(deaths).toBeGreaterThan(0);
  },
  1_800_000,
);
