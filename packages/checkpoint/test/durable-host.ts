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
  /** Ends the invocation as the death of its process does. */
  crash(): Promise<never>;
  startRun(
    program: Program,
    options?: DurableJournalOptions,
  ): Promise<ConformanceRun & { execution(): LocalExecution }>;
}

interface Run {
  readonly program: Program;
  readonly options: DurableJournalOptions | undefined;
  /** Of the last time that the program came to its end. */
  ending?: JournalEnding;
}

export function lambdaClientOf({ url }: LocalDurable) {
  return new LambdaClient({
    region: "us-east-1",
    endpoint: url,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
}

export async function startHost(
  options: Partial<StartDurableOptions> & {
    /** What is left until the function's timeout, in its first invocation, its second one and so on; then it has none. */
    readonly remainingMs?: readonly number[];
  } = {},
): Promise<DurableHost> {
  const { remainingMs: times = [], ...service } = options;
  const remainingMs = times.values();
  const runs: Run[] = [];
  let die = (_error: Error): void => {};
  const durable = await startDurable({
    invoke: (event, { context }) => {
      const { promise, reject } = Promise.withResolvers<never>();
      die = reject;
      const { value = Infinity } = remainingMs.next();
      const until = Date.now() + value;
      const getRemainingTimeInMillis = () => until - Date.now();
      const given = { ...context, getRemainingTimeInMillis };
      // The runtime's context has what the SDK reads.
      return Promise.race([handler(event as never, given as never), promise]);
    },
    skipTime: true,
    ...service,
  });
  const client = lambdaClientOf(durable);
  const handler = withDurableExecution(
    async (id: number, context) => {
      const run = runs[id] as Run;
      const { program, options } = run;
      const ending = program(
        options === undefined
          ? durableJournal(context)
          : durableJournal(context, options),
      );
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
    crash: () => {
      die(new Error("The process has died."));
      // Nothing comes after a death.
      return new Promise<never>(() => {});
    },
    async startRun(program, journalOptions) {
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
