import { describe, expect, test } from "@jest/globals";
import {
  type Journal,
  type LLMContext,
  ModelInvocationError,
  Suspended,
} from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import { memoryJournal } from "@lambdallm/core/stores";
import { Agent, tool } from "../src/index.ts";
import { calling, withModel } from "./support.ts";

const add = tool({
  name: "add",
  description: "Adds two numbers.",
  input: { a: "number", b: "number" },
  run: ({ a, b }) => a + b,
});
const agent = new Agent({ name: "adder", tools: [add] });
const script = [
  calling(["add", { a: 1, b: 2 }], ["add", { a: 3, b: 4 }]),
  calling(["add", { a: 3, b: 7 }]),
  "It is 10.",
];

/** A journal that somebody resumes, as that of the checkpoint middleware; one in memory ends with its process. */
const resumable = (journal: Journal): Journal => ({
  runId: journal.runId,
  step: (...given) => journal.step(...given),
  all: (...given) => journal.all(...given),
  sleep: (...given) => journal.sleep(...given),
  ask: (...given) => journal.ask(...given),
});

describe("On a journal", () => {
  test("each model call and each tool call is a step of its own", async () => {
    const names: string[] = [];
    const journal = memoryJournal();
    const watched: Journal = {
      ...resumable(journal),
      step: (name, ...given) => {
        names.push(name);
        return journal.step(name, ...given);
      },
      all: (name, ...given) => {
        names.push(name);
        return journal.all(name, ...given);
      },
    };
    await withModel(script, (context) =>
      agent.run("1+2+3+4?", context, { journal: watched }),
    );
    expect(names).toEqual([
      "model 1",
      "tools 1",
      "model 2",
      "tools 2",
      "model 3",
    ]);
  });

  test("a run that is run again gives the same, and calls nothing", async () => {
    const journal = memoryJournal();
    const first = await withModel(script, (context) =>
      agent.run("1+2+3+4?", context, { journal }),
    );
    const again = await withModel(script, (context) =>
      agent.run("1+2+3+4?", context, { journal: journal.resume() }),
    );
    expect(again.result).toEqual(first.result);
    expect(again.model.totalCalls).toBe(0);
  });

  test("an answer may be longer than results usually are", async () => {
    const { result } = await withModel(["x".repeat(1_000_000)], (context) =>
      agent.run("Much?", context),
    );
    expect(result.answer).toHaveLength(1_000_000);
  });

  test("the journal of the invocation is used where there is one", async () => {
    const journal = memoryJournal();
    const { result } = await withModel(["Hi."], async (context) => {
      invocationOf(context).journal = journal;
      return agent.run("Hi?", context);
    });
    expect(result.runId).toBe(journal.runId);
  });

  test("that can be resumed, the end of the time suspends the run", async () => {
    const journal = memoryJournal();
    const run = (timeoutMs: number, answer: object) =>
      withModel(
        [answer],
        (context) => agent.run("Hi?", context, { journal: resumable(journal) }),
        { timeoutMs },
      );
    const hanging = { text: "late", delayMs: Number.POSITIVE_INFINITY };
    await expect(run(800, hanging)).rejects.toMatchObject({
      code: "SUSPENDED",
      runId: journal.runId,
    });
    // What was cut off is no step, and is done again.
    const resumed = journal.resume();
    const { result } = await withModel(["Hi."], (context) =>
      agent.run("Hi?", context, { journal: resumable(resumed) }),
    );
    expect(result).toMatchObject({ answer: "Hi.", status: "completed" });
  });

  test("that can be resumed, an approval suspends the run", async () => {
    const careful = new Agent({
      name: "careful",
      tools: [
        tool({
          name: "go",
          description: "Goes.",
          needsApproval: true,
          run: () => "gone",
        }),
      ],
    });
    const journal = resumable(memoryJournal());
    const run = withModel([calling(["go", {}])], (context) =>
      careful.run("Go.", context, { journal }),
    );
    await expect(run).rejects.toMatchObject({ code: "SUSPENDED" });
  });

  test("a tool that is suspended suspends the run, and is no result", async () => {
    const waits = tool({
      name: "waits",
      description: "Waits.",
      run: (_input, { agent: { runId } }) => {
        throw new Suspended(runId, {});
      },
    });
    const waiting = new Agent({ name: "waiting", tools: [waits] });
    const { result } = await withModel([calling(["waits", {}])], (context) =>
      waiting.run("Go.", context),
    );
    expect(result).toMatchObject({ status: "suspended", iterations: 1 });
  });

  test("a model that fails is a step that failed, with its error's words", async () => {
    const failure = new ModelInvocationError("The model is busy.", {
      reason: "throttled",
      model: "m",
      retryable: true,
    });
    const run = withModel([failure], (context) => agent.run("Hi?", context));
    await expect(run).rejects.toMatchObject({
      name: "StepFailure",
      step: "model 1",
      code: "MODEL_INVOCATION",
      statusCode: 503,
      message: "The model is busy.",
      data: { reason: "throttled" },
    });
  });

  test("the caller's signal ends the run, and what it cuts off is not recorded", async () => {
    const journal = memoryJournal();
    const controller = new AbortController();
    const slow = tool({
      name: "slow",
      description: "Takes long.",
      run: () => {
        controller.abort(new Error("Enough."));
        return new Promise(() => {});
      },
    });
    const runner = new Agent({ name: "runner", tools: [slow] });
    const { signal } = controller;
    const run = withModel([calling(["slow", {}])], (context) =>
      runner.run("Go.", context, { journal, signal }),
    );
    await expect(run).rejects.toThrow("Enough.");
    const fast = tool({ name: "slow", description: "Is fast.", run: () => 1 });
    const other = new Agent({ name: "runner", tools: [fast] });
    const { result } = await withModel(["Done."], (context) =>
      other.run("Go.", context, { journal: journal.resume() }),
    );
    expect(result).toMatchObject({ answer: "Done.", toolCalls: 1 });
  });
});

describe("A model that fails for a moment", () => {
  const throttled = () =>
    new ModelInvocationError("Slow down.", {
      reason: "throttled",
      model: "mock",
      retryable: true,
      billed: "none",
      retryAfterMs: 10,
    });
  const waits: number[] = [];
  const waiting = () =>
    memoryJournal({
      wait: async (ms) => {
        waits.push(ms);
      },
    });

  test("is asked again where the run can be resumed, no sooner than it says", async () => {
    const { result, model } = await withModel(
      [throttled(), ...script.slice(1)],
      (context) =>
        agent.run("3+7?", context, { journal: resumable(waiting()) }),
    );
    expect(result).toMatchObject({ status: "completed", answer: "It is 10." });
    expect(model.calls).toHaveLength(3);
    expect(waits).toEqual([expect.any(Number)]);
    expect(waits[0]).toBeGreaterThanOrEqual(10);
  });

  test("ends the run in memory, and where the agent says so", async () => {
    const impatient = new Agent({ name: "adder", retries: 0 });
    for (const run of [
      (context: LLMContext) => agent.run("3+7?", context),
      (context: LLMContext) =>
        impatient.run("3+7?", context, { journal: resumable(waiting()) }),
    ])
      await expect(withModel([throttled(), "Hi"], run)).rejects.toMatchObject({
        name: "StepFailure",
        message: "Slow down.",
        retryable: true,
      });
  });
});
