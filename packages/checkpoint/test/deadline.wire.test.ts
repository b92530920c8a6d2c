import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import { describeRun } from "@lambdallm/checkpoint";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryStores } from "@lambdallm/core/stores";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import timeoutGuard from "@lambdallm/timeout-guard";
import { middyMajors } from "../../../test-support/middy.ts";
import { functionOf, type HandlerContext, suspendedIn } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await startBedrock({
    now: () => Date.UTC(2026, 10, 28),
    respond: ({ messages }) => ({
      content: [
        { text: `About ${JSON.stringify(messages).length} characters.` },
      ],
    }),
  });
});
beforeEach(() => local.reset());
afterAll(() => local.close());

const provider = () =>
  bedrock({
    region: "us-east-1",
    clientConfig: {
      endpoint: local.url,
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    },
  });

/** The deadline comes when the second of three calls is under way, in the first invocation. */
function chain(middy: (typeof middyMajors)[number][1]) {
  const store = memoryStores();
  const costs: number[] = [];
  let invocations = 0;
  const invoke = functionOf(
    async (context: HandlerContext) => {
      invocations += 1;
      const { journal } = context;
      try {
        const outline = await journal.step("outline", () =>
          context.invoke("Outline of Lambda"),
        );
        if (invocations === 1)
          invocationOf(context).tightenDeadline(Date.now() + 1_500);
        const draft = await journal.step("draft", () =>
          context.invoke("Draft: {outline}", { outline }),
        );
        return await journal.step("article", () =>
          context.invoke("Article: {draft}", { draft }),
        );
      } finally {
        costs.push(Number(context.totalCostUsd));
      }
    },
    {
      middy,
      provider: provider(),
      outer: [{ ...timeoutGuard({ strategy: "checkpoint" }) }],
      checkpoint: { store },
    },
  );
  return { store, costs, invoke };
}

describe.each(middyMajors)(
  "On %s, at the deadline of a timeout guard",
  (_name, middy) => {
    test("the run is suspended in the middle of a call, and goes on without repeating what was done", async () => {
      const { store, costs, invoke } = chain(middy);
      local.setFaults([undefined, { latencyMs: 600_000 }]);
      const answer = suspendedIn(await invoke());
      expect(answer).toMatchObject({
        statusCode: 202,
        headers: { "retry-after": "0" },
        status: "suspended",
        waitingFor: [],
      });
      const { runId } = answer;
      expect(await describeRun({ store, runId })).toMatchObject({
        state: "suspended",
        steps: [
          { name: "outline", state: "done", starts: 1 },
          { name: "draft", state: "waiting", starts: 1 },
        ],
      });
      local.setFaults([]);
      const article = await invoke({ runId });
      expect(article).toMatch(/^About \d+ characters\.$/);
      const asked = local.requests.map(
        ({ body }) =>
          /(Outline of|Draft|Article)/.exec(JSON.stringify(body))?.[0],
      );
      expect(asked).toEqual(["Outline of", "Draft", "Draft", "Article"]);
      const { costUsd, state } = await describeRun({ store, runId });
      expect(state).toBe("done");
      // Also what the call had cost that was cut off.
      expect(costUsd).toBeCloseTo(
        costs.reduce((sum, cost) => sum + cost, 0),
        12,
      );
      expect(await invoke({ runId })).toBe(article);
      expect(local.requests).toHaveLength(4);
    });
  },
);
