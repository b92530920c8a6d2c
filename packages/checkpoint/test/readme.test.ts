import { expect, test } from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import checkpoint, {
  checkpointJournal,
  type RunOptions,
  type StepStores,
} from "@lambdallm/checkpoint";
import { type Journal, Suspended } from "@lambdallm/core";
import { memoryStores } from "@lambdallm/core/stores";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";
import middy from "@middy/core";

const DAY_MS = 86_400_000;

// The README's test.
const makeHandler = (options: RunOptions & { readonly store: StepStores }) =>
  middy<{ topic?: string; runId?: string }>()
    .use(bedrock({ region: "us-east-1" }))
    .use(checkpoint(options))
    .handler(async (event, { journal, llm }) => {
      const topic = await journal.step("topic", async () => event.topic ?? "");
      await journal.step("outline", () =>
        llm.invoke("Outline: {topic}", { topic }),
      );
      await journal.sleep("a day", DAY_MS);
      return journal.step("article", () =>
        llm.invoke("Article: {topic}", { topic }),
      );
    });

test(
  "asks for the outline once",
  mockModel({ responses: ["An outline.", "An article."] }, async (model) => {
    let time = Date.now();
    const now = () => time;
    const handler = makeHandler({ store: memoryStores({ now }), now });
    const waiting = await handler({ topic: "foxes" }, new MockLambdaContext());
    expect(waiting).toMatchObject({ statusCode: 202 });
    time += DAY_MS;
    const { runId } = JSON.parse(Object(waiting).body);
    expect(await handler({ runId }, new MockLambdaContext())).toBe(
      "An article.",
    );
    expect(model.totalCalls).toBe(2);
    expect(model.lastPrompt).toContain("foxes");
  }),
);

test("A run without Middy is begun, suspended, resumed and ended", async () => {
  let time = Date.now();
  const now = () => time;
  const store = memoryStores({ now });
  const program = async (journal: Journal) => {
    try {
      await journal.sleep("a day", DAY_MS);
    } catch {
      // What it waits for cannot be caught.
    }
    return journal.step("last", async () => "done");
  };
  const run = async (runId?: string): Promise<unknown> => {
    const journal = await checkpointJournal(store, runId, { now });
    if (journal.finished) return journal.finished.result;
    try {
      const result = await program(journal);
      await journal.complete(result);
      return result;
    } catch (error) {
      if (Suspended.isInstance(error)) {
        const { resumeAt } = await journal.suspend(error);
        return { runId: journal.runId, resumeAt };
      }
      await journal.fail(error);
      throw error;
    }
  };
  const { runId, resumeAt } = Object(await run());
  expect(resumeAt).toBe(time + DAY_MS);
  time = resumeAt;
  expect(await run(runId)).toBe("done");
  expect(await run(runId)).toBe("done");
});
