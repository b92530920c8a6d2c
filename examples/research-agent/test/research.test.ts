import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import type { ApprovalRequest } from "@lambdallm/agent";
import { memoryStores } from "@lambdallm/core/stores";
import { MockLambdaContext, mockModel } from "@lambdallm/testing";
import {
  decideHandler,
  researchHandler,
  waitingHandler,
} from "../src/research.ts";

const folder = fileURLToPath(new URL("../files", import.meta.url));

function functions() {
  const store = memoryStores();
  const asked: ApprovalRequest[] = [];
  const published: string[] = [];
  const desk = {
    ask: async (request: ApprovalRequest) => {
      asked.push(request);
    },
    publish: async ({ title }: { title: string }) => {
      published.push(title);
    },
  };
  const research = researchHandler({ store, folder, desk });
  const invoke = (
    event: object,
    options?: ConstructorParameters<typeof MockLambdaContext>[0],
  ): Promise<unknown> => {
    // The middlewares add what is missing.
    const context: unknown = new MockLambdaContext(options);
    return research(event, context as Parameters<typeof research>[1]);
  };
  const waiting = waitingHandler({ store });
  return {
    invoke,
    waiting,
    decide: decideHandler({ store }),
    asked,
    published,
  };
}

const call = (name: string, input: Record<string, string | string[]>) => ({
  content: [{ toolUse: { toolUseId: name, name, input } }],
});
const script = [
  call("search", { words: ["OVEN"] }),
  call("search", { words: ["rain"] }),
  call("publish", { title: "Ovens", text: "They are hot." }),
  "It is published.",
];

test(
  "a report is published once somebody has approved of it",
  mockModel({ responses: script }, async (model) => {
    const { invoke, decide, asked, published } = functions();
    expect(await invoke({ question: "Ovens?" })).toMatchObject({
      statusCode: 202,
    });
    expect(JSON.stringify(model.calls[1]?.request.messages)).toContain(
      "The deck oven of the bakery",
    );
    expect(JSON.stringify(model.calls[2]?.request.messages)).toContain(
      "Nothing was found.",
    );
    expect([asked.length, published]).toEqual([1, []]);
    const answer = { decision: "approve" };
    const { runId } = await decide({ token: String(asked[0]?.token), answer });
    expect(await invoke({ runId })).toMatchObject({
      answer: "It is published.",
      status: "completed",
    });
    expect(published).toEqual(["Ovens"]);
    // Who asks again gets the same, and nothing is done.
    await invoke({ runId });
    expect([model.totalCalls, published.length]).toEqual([4, 1]);
  }),
);

test(
  "and not when somebody has rejected it",
  mockModel({ responses: script }, async () => {
    const { invoke, decide, asked, published } = functions();
    await invoke({ question: "Ovens?" });
    const answer = { decision: "reject", reason: "Too short." };
    const { runId } = await decide({ token: String(asked[0]?.token), answer });
    await invoke({ runId });
    expect(published).toEqual([]);
  }),
);

test(
  "what waits is listed until it has ended, without the tokens",
  mockModel({ responses: script }, async () => {
    const { invoke, waiting, decide, asked } = functions();
    expect(await waiting({})).toEqual({ runs: [] });
    await invoke({ question: "Ovens?" });
    const [{ token, runId }] = asked as [ApprovalRequest];
    const listed = await waiting({});
    expect(listed).toEqual({
      runs: [
        {
          runId,
          suspendedAt: expect.any(Number),
          waitingFor: ["approve publish"],
        },
      ],
    });
    expect(await waiting({ after: runId })).toEqual({ runs: [] });
    await decide({ token, answer: { decision: "approve" } });
    await invoke({ runId });
    expect(await waiting({})).toEqual({ runs: [] });
  }),
);

test(
  "an invocation that Lambda tries again is the same run",
  mockModel({ responses: script }, async (model) => {
    const { invoke, asked } = functions();
    const awsRequestId = "again";
    await invoke({ question: "Ovens?" }, { awsRequestId });
    await invoke({ question: "Ovens?" }, { awsRequestId });
    expect([model.totalCalls, asked.length]).toEqual([3, 1]);
  }),
);

test(
  "an event without a question is refused",
  mockModel({ responses: script }, async (model) => {
    const { invoke } = functions();
    await expect(invoke({ question: " " })).rejects.toThrow(
      'Send { "question": "..." }.',
    );
    expect(model.totalCalls).toBe(0);
  }),
);
