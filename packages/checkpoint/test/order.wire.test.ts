import { afterAll, beforeAll, expect, test } from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import checkpoint, {
  describeRun,
  type WithCheckpoint,
} from "@lambdallm/checkpoint";
import type { WithLLM } from "@lambdallm/core";
import type { MiddyMiddleware } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import costTracking, { type WithCostTracker } from "@lambdallm/cost-tracking";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import retryFallback, { resetRetryState } from "@lambdallm/retry-fallback";
import session, { type WithSession } from "@lambdallm/session";
import timeoutGuard from "@lambdallm/timeout-guard";
import type { Context as LambdaContext } from "aws-lambda";
import { middyMajors } from "../../../test-support/middy.ts";
import { minutes, suspendedIn } from "./support.ts";

type Context = LambdaContext &
  WithLLM &
  WithCheckpoint &
  WithCostTracker &
  WithSession;
type Feature = MiddyMiddleware<Context>;

const HOUR_MS = 3_600_000;

let local: LocalBedrock;
beforeAll(async () => {
  local = await startBedrock({
    now: () => Date.UTC(2026, 10, 28),
    respond: () => ({
      content: [{ text: "Fine." }],
      usage: { inputTokens: 30, outputTokens: 3 },
    }),
  });
});
afterAll(() => local.close());

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

/** A chat in each of two steps, with an hour between them; the first attempt is throttled. */
async function run(
  middy: (typeof middyMajors)[number][1],
  order: readonly string[],
) {
  local.reset();
  local.setFaults([{ error: "ThrottlingException" }]);
  resetRetryState();
  let time = Date.now();
  const now = () => time;
  const store = memoryStores({ now });
  const features: { readonly [name: string]: () => Feature } = {
    guard: () => timeoutGuard({ strategy: "checkpoint" }),
    retries: () => retryFallback({ baseDelayMs: 1, random: () => 0 }),
    budget: () => costTracking({ store, dailyBudgetUsd: 1 }),
    session: () => session({ store, id: () => "s1" }),
    checkpoint: () => checkpoint({ store, now }),
  };
  const chain = middy<object, unknown, Error, Context>().use(
    bedrock({
      region: "us-east-1",
      clientConfig: {
        endpoint: local.url,
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      },
    }),
  );
  for (const name of order) {
    const feature = features[name]?.();
    if (feature !== undefined) chain.use({ ...feature });
  }
  chain.handler(async (_event, context) => {
    const { journal } = context;
    const one = await journal.step("one", () => context.chat("How are you?"));
    await journal.sleep("an hour", HOUR_MS);
    const two = await journal.step("two", () => context.chat("And now?"));
    return `${one} ${two}`;
  });
  const invoke = (event: object) =>
    // The middlewares add what is missing to this very context.
    chain(event, minutes() as unknown as Context);
  const { runId } = suspendedIn(await invoke({}));
  time += HOUR_MS;
  const answer = await invoke({ runId });
  const { steps, costUsd } = await describeRun({ store, runId });
  const { turns } = await store.sessions.load({
    tenantId: "default",
    sessionId: "s1",
  });
  const { monthNanoUsd } = await store.budgets.read("global", Date.now());
  return {
    answer,
    requests: local.requests.map(({ body }) => body),
    steps: steps.map(({ resumeAt: _, ...step }) => step),
    costUsd,
    monthNanoUsd,
    turns: turns.map(({ messages }) => messages),
  };
}

test.each(middyMajors)(
  "On %s the order of .use() changes nothing: requests, records, costs and conversations are the same",
  async (_name, middy) => {
    const [first = [], ...others] = permutations([
      "guard",
      "retries",
      "budget",
      "session",
      "checkpoint",
    ]);
    const expected = await run(middy, first);
    expect(expected.answer).toBe("Fine. Fine.");
    expect(expected.requests).toHaveLength(3);
    expect(expected.turns).toHaveLength(2);
    expect(expected.costUsd).toBeGreaterThan(0);
    expect(Math.round(Number(expected.costUsd) * 1e9)).toBe(
      expected.monthNanoUsd,
    );
    for (const order of others.filter((_order, index) => index % 3 === 0))
      expect({ order, ...(await run(middy, order)) }).toEqual({
        order,
        ...expected,
      });
  },
);
