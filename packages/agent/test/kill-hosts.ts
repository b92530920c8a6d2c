import { derivedRunId, describeRun, submitAnswer } from "@lambdallm/checkpoint";
import type { WaitingFor } from "@lambdallm/core";
import { dynamoDBStore } from "@lambdallm/dynamodb";
import { type LocalExecution, startDurable } from "@lambdallm/local";
import { startTable } from "../../../test-support/dynalite.ts";
import { plainClient } from "../../../test-support/dynamodb-client.ts";
import type { AgentResult } from "../src/index.ts";
import { stepAt } from "./fixtures/clerk-model.ts";
import type { KilledRun } from "./killed-run.ts";

/** Where processes are killed and started again. */
export interface KillHost extends AsyncDisposable {
  /** From the beginning of a run to its end. Whoever is asked approves. */
  complete(run: KilledRun, name: string): Promise<Ended>;
}

export interface Ended {
  readonly result: AgentResult;
  /** What the host says of the whole run, where it does. */
  readonly costUsd?: number | null;
}

/** Longer than every lease. */
const LATER_MS = 600_000;
const APPROVED = { decision: "approve" };

/** Messages of a queue, which come again until they are done. */
export async function onTable(): Promise<KillHost> {
  const table = await startTable();
  const { tableName, clientConfig, env } = table;
  const client = plainClient(clientConfig);
  const store = dynamoDBStore({ tableName, client, timeoutMs: 60_000 });
  const recordedIn = async (runId: string) => {
    const { steps } = await describeRun({ store, runId });
    const done = steps.filter(({ state }) => state === "done");
    return done.map(({ position, name = "" }) => stepAt(position, name));
  };
  return {
    async complete(run, messageId) {
      const runId = derivedRunId(messageId);
      let recorded: readonly string[] = [];
      for (let delivery = 0; ; delivery++) {
        const answer = await run.deliver({ messageId }, new Set(recorded), {
          ...env,
          SHIFT_MS: String(delivery * LATER_MS),
        });
        const { waitingFor = [], result } = Object(answer) as Partial<Ended> & {
          readonly waitingFor?: readonly WaitingFor[];
        };
        if (result !== undefined) {
          const { costUsd } = await describeRun({ store, runId });
          return { result, costUsd };
        }
        for (const { token } of waitingFor)
          await submitAnswer({ store, token, answer: APPROVED });
        recorded = await recordedIn(runId);
      }
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      await table.stop();
    },
  };
}

/** Executions, whose invocations are repeated when they fail. */
export async function onDurableFunctions(): Promise<KillHost> {
  const runs: KilledRun[] = [];
  const durable = await startDurable({
    async invoke(event) {
      const execution = durable.executions.at(-1);
      const recorded = recordedIn(execution?.operations ?? []);
      const answer = await runs.at(-1)?.deliver(event, new Set(recorded), {
        AWS_ENDPOINT_URL_LAMBDA: durable.url,
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "local",
        AWS_SECRET_ACCESS_KEY: "local",
      });
      if (answer === undefined) throw new Error("The process was killed.");
      return answer;
    },
    skipTime: true,
  });
  return {
    async complete(run) {
      runs.push(run);
      const execution = durable.start({});
      for (;;) {
        await execution.rest();
        if (execution.status !== "RUNNING") break;
        for (const { callbackId } of execution.callbacks)
          durable.answer(callbackId, APPROVED);
      }
      const { result, error } = await execution.result;
      if (error !== undefined) throw new Error(error.ErrorMessage);
      // As the worker's handler returns it.
      return { result: result as AgentResult };
    },
    [Symbol.asyncDispose]: () => durable.close(),
  };
}

function recordedIn(operations: LocalExecution["operations"]): string[] {
  const contexts = new Map(
    operations
      .filter(({ Type }) => Type === "CONTEXT")
      .map((context) => [context.Id, context]),
  );
  return operations
    .filter(({ Type, Status }) => Type === "STEP" && Status === "SUCCEEDED")
    .map(({ Name = "", ParentId = "" }) => {
      let outermost = contexts.get(ParentId);
      for (let one = outermost; one; one = contexts.get(one.ParentId ?? ""))
        outermost = one;
      return outermost === undefined ? Name : `${outermost.Name} ${Name}`;
    });
}
