import { withDurableExecution } from "@aws/durable-execution-sdk-js";
import { LambdaClient } from "@aws-sdk/client-lambda";
import type { Journal } from "@lambdallm/core";
import {
  type LocalDurable,
  type LocalExecution,
  type StartDurableOptions,
  startDurable,
} from "@lambdallm/local";
import type { ConformanceRun, JournalEnding } from "@lambdallm/testing";
import { type DurableJournalOptions, durableJournal } from "../src/durable.ts";

type Program = (journal: Journal) => Promise<unknown>;

/** Durable functions in this process: a run's program is called with a journal each time the service invokes it. */
export interface DurableHost extends AsyncDisposable {
  readonly durable: LocalDurable;
  startRun(
    program: Program,
    options?: DurableJournalOptions,
  ): Promise<ConformanceRun & { execution(): LocalExecution }>;
}

interface Run {
  readonly program: Program;
  readonly options: DurableJournalOptions;
  /** Of the last time that the program came to its end. */
  ending?: JournalEnding;
}

export async function startHost(
  options: Partial<StartDurableOptions> = {},
): Promise<DurableHost> {
  const runs: Run[] = [];
  const durable = await startDurable({
    invoke: (event, { context }) =>
      // The runtime's context has what the SDK reads.
      handler(event as never, context as never),
    skipTime: true,
    ...options,
  });
  const client = new LambdaClient({
    region: "us-east-1",
    endpoint: durable.url,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  const handler = withDurableExecution(
    async (id: number, context) => {
      const run = runs[id] as Run;
      const ending = run.program(durableJournal(context, run.options));
      run.ending = await ending.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      await ending;
    },
    { client },
  );
  return {
    durable,
    async startRun(program, journalOptions = {}) {
      const run: Run = { program, options: journalOptions };
      runs.push(run);
      const id = runs.length - 1;
      let started: LocalExecution | undefined;
      const execution = () => (started ??= durable.start(id));
      return {
        execution,
        run: () => endingOf(durable, execution(), run),
        answer: async (token, answer) => durable.answer(token, answer),
      };
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      await durable.close();
    },
  };
}

async function endingOf(
  durable: LocalDurable,
  execution: LocalExecution,
  run: Run,
): Promise<JournalEnding> {
  await execution.rest();
  if (execution.status === "RUNNING") {
    const { callbacks } = execution;
    const [timed] = callbacks.filter(({ timesOutAt }) => timesOutAt);
    if (timed === undefined)
      return {
        waitingFor: callbacks.map(({ callbackId, name }) => ({
          name: String(name),
          token: callbackId,
        })),
      };
    durable.expire(timed.callbackId);
    return endingOf(durable, execution, run);
  }
  const { error } = await execution.result;
  return run.ending ?? { error: new Error(error?.ErrorMessage) };
}
