import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DurableContext } from "@aws/durable-execution-sdk-js";
import {
  SendDurableExecutionCallbackFailureCommand,
  SendDurableExecutionCallbackHeartbeatCommand,
  SendDurableExecutionCallbackSuccessCommand,
} from "@aws-sdk/client-lambda";
import { afterEach, describe, expect, test } from "@jest/globals";
import {
  type DurableEvent,
  type LocalDurable,
  type LocalExecution,
  type StartDurableOptions,
  startDurable,
} from "../src/index.ts";
import { durableOf, lambdaClientOf, type Program } from "./durable-support.ts";
import { until } from "./helpers.ts";

let durable: LocalDurable;

afterEach(() => durable.close());

async function start(
  program: Program,
  options: Partial<StartDurableOptions> = {},
  input?: unknown,
): Promise<LocalExecution> {
  durable = await durableOf(program, options);
  return durable.start(input);
}

/** The id of the callback that an execution waits for. */
async function callbackOf(execution: LocalExecution): Promise<string> {
  await execution.rest();
  return String(execution.callbacks[0]?.callbackId);
}

describe("A program under the durable execution SDK", () => {
  test("gets its input and gives its result", async () => {
    const execution = await start(
      async ({ name }: { name: string }) => ({ hello: name }),
      {},
      { name: "Ada" },
    );
    expect(execution.status).toBe("RUNNING");
    expect(await execution.result).toEqual({
      status: "SUCCEEDED",
      result: { hello: "Ada" },
    });
    expect(execution.status).toBe("SUCCEEDED");
    expect(execution.input).toEqual({ name: "Ada" });
    expect(execution.invocations).toEqual([{ status: "SUCCEEDED" }]);
    expect(durable.executions).toEqual([execution]);
  });

  test("may return nothing", async () => {
    const execution = await start(async () => {});
    expect(await execution.result).toEqual({ status: "SUCCEEDED" });
  });

  test("that throws has failed", async () => {
    const execution = await start(async () => {
      throw new RangeError("no");
    });
    expect(await execution.result).toEqual({
      status: "FAILED",
      error: { ErrorType: "RangeError", ErrorMessage: "no" },
    });
  });

  test("runs a step once, although a wait makes it run again", async () => {
    let calls = 0;
    const execution = await start(async (_event, context) => {
      const first = await context.step("first", async () => ++calls);
      await context.wait("night", { hours: 8 });
      return [first, await context.step("second", async () => "done")];
    });
    expect(await execution.result).toEqual({
      status: "SUCCEEDED",
      result: [1, "done"],
    });
    expect(execution.invocations).toEqual([
      { status: "PENDING" },
      { status: "SUCCEEDED" },
    ]);
    expect(
      execution.operations.map(({ Type, Name, Status }) => [
        Type,
        Name,
        Status,
      ]),
    ).toEqual([
      ["EXECUTION", undefined, "STARTED"],
      ["STEP", "first", "SUCCEEDED"],
      ["WAIT", "night", "SUCCEEDED"],
      ["STEP", "second", "SUCCEEDED"],
    ]);
  });

  test("repeats a step that failed, and counts its attempts", async () => {
    const attempts: number[] = [];
    const execution = await start(async (_event, context) =>
      context.step(
        "flaky",
        async ({ attempt }) => {
          attempts.push(attempt);
          if (attempt < 3) throw new Error("not yet");
          return attempt;
        },
        { retryStrategy: () => ({ shouldRetry: true }) },
      ),
    );
    expect((await execution.result).result).toBe(3);
    expect(attempts).toEqual([1, 2, 3]);
    expect(execution.invocations).toHaveLength(3);
    const [, step] = execution.operations;
    expect(step?.StepDetails).toEqual({ Attempt: 3, Result: "3" });
  });

  test("catches the error of a step that gives up, with its data", async () => {
    const execution = await start(async (_event, context) => {
      try {
        await context.step("broken", async () => Promise.reject(Error("no")), {
          retryStrategy: () => ({ shouldRetry: false }),
        });
      } catch (error) {
        await context.wait({ seconds: 1 });
        return String(error);
      }
    });
    expect((await execution.result).result).toBe("StepError: no");
  });

  test("runs branches side by side, each with a context of its own", async () => {
    const execution = await start(async (_event, context) => {
      const all = await context.parallel("both", [
        async (branch) => {
          await branch.wait({ seconds: 60 });
          return branch.step("left", async () => "L");
        },
        (branch) => branch.step("right", async () => "R"),
      ]);
      return all.getResults();
    });
    expect((await execution.result).result).toEqual(["L", "R"]);
  });

  test("is told of a finished context, and no more of what was in it", async () => {
    const events: DurableEvent[] = [];
    let calls = 0;
    const program = async (_event: never, context: DurableContext) => {
      const inner = await context.runInChildContext("group", async (group) => {
        await group.step("inner", async () => ++calls);
        return group.runInChildContext("deeper", (deeper) =>
          deeper.step("innermost", async () => ++calls),
        );
      });
      await context.wait({ seconds: 1 });
      return inner;
    };
    durable = await durableOf(program, {}, (event) => events.push(event));
    const execution = durable.start();
    expect((await execution.result).result).toBe(2);
    const names = (event: DurableEvent | undefined) =>
      event?.InitialExecutionState.Operations.map(({ Type }) => Type);
    expect(names(events[1])).toEqual(["EXECUTION", "CONTEXT", "WAIT"]);
    expect(execution.operations).toHaveLength(6);
  });
});

describe("A callback", () => {
  const asking = (context: DurableContext) =>
    context.waitForCallback("approval", async () => {}, {
      timeout: { hours: 1 },
      heartbeatTimeout: { minutes: 30 },
    });
  const startAsking = () => start((_event, context) => asking(context));

  test("is answered with JSON", async () => {
    const execution = await startAsking();
    durable.answer(await callbackOf(execution), { approved: true });
    expect((await execution.result).result).toBe('{"approved":true}');
    expect(execution.callbacks).toEqual([]);
  });

  test("is answered with null when there is nothing to say", async () => {
    const execution = await startAsking();
    durable.answer(await callbackOf(execution), undefined);
    expect((await execution.result).result).toBe("null");
  });

  test("is rejected with an error", async () => {
    const execution = await start(async (_event, context) => {
      const error = await asking(context).catch((caught: unknown) => caught);
      return error instanceof Error && [error.name, error.message];
    });
    durable.reject(await callbackOf(execution), new RangeError("no"));
    expect((await execution.result).result).toEqual([
      "CallbackExternalError",
      "no",
    ]);
  });

  test("times out when a test says so, and not because time is skipped", async () => {
    const execution = await startAsking();
    durable.expire(await callbackOf(execution));
    expect(await execution.result).toMatchObject({
      status: "FAILED",
      error: { ErrorMessage: "Callback timed out" },
    });
  });

  test.each([
    ["timeout", "Callback timed out"],
    ["heartbeatTimeout", "Callback timed out on heartbeat"],
  ])("times out by its own %s", async (option, ErrorMessage) => {
    const execution = await start((_event, context) =>
      context.waitForCallback("approval", async () => {}, {
        [option]: { seconds: 1 },
      }),
    );
    expect(await execution.result).toMatchObject({
      status: "FAILED",
      error: { ErrorMessage },
    });
  });

  test("is answered by the AWS SDK, once", async () => {
    const execution = await startAsking();
    const CallbackId = await callbackOf(execution);
    const client = lambdaClientOf(durable);
    await client.send(
      new SendDurableExecutionCallbackHeartbeatCommand({ CallbackId }),
    );
    const answer = new SendDurableExecutionCallbackSuccessCommand({
      CallbackId,
      Result: Buffer.from("Grüße"),
    });
    await client.send(answer);
    expect((await execution.result).result).toBe("Grüße");
    await expect(client.send(answer)).rejects.toMatchObject({
      name: "CallbackTimeoutException",
    });
  });

  test.each([
    [{ ErrorMessage: "no", ErrorType: "Denied" }, "no"],
    [undefined, "Callback failed"],
  ])("is rejected by the AWS SDK with %j", async (error, ErrorMessage) => {
    const execution = await startAsking();
    await lambdaClientOf(durable).send(
      new SendDurableExecutionCallbackFailureCommand({
        CallbackId: await callbackOf(execution),
        Error: error,
      }),
    );
    expect(await execution.result).toMatchObject({
      status: "FAILED",
      error: { ErrorMessage },
    });
  });

  test("that does not exist cannot be answered", async () => {
    await callbackOf(await startAsking());
    expect(() => durable.answer("bm9uZQ==", 1)).toThrow(
      "The callback does not exist.",
    );
    await expect(
      lambdaClientOf(durable).send(
        new SendDurableExecutionCallbackHeartbeatCommand({
          CallbackId: "bm9uZQ==",
        }),
      ),
    ).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });

  test("takes no answer that is too large", async () => {
    const execution = await startAsking();
    const id = await callbackOf(execution);
    expect(() => durable.answer(id, "x".repeat(262_143))).toThrow(
      "CALLBACK output payload size must be less than or equal to 262144 bytes.",
    );
    expect(execution.status).toBe("RUNNING");
  });

  test("that is answered while the function runs goes on in the same invocation", async () => {
    const execution = await start(async (_event, context) => {
      const [promise, callbackId] = await context.createCallback("approval");
      await context.step("answers", async () => durable.answer(callbackId, 1));
      return promise;
    });
    expect((await execution.result).result).toBe("1");
    expect(execution.invocations).toHaveLength(1);
  });
});

describe("An execution comes to rest", () => {
  test("when only answers help, and tells which", async () => {
    const execution = await start(async (_event, context) => {
      await context.wait({ hours: 1 });
      const [named] = await context.createCallback("named");
      const [timed] = await context.createCallback({ timeout: { hours: 1 } });
      return Promise.all([named, timed]);
    });
    await execution.rest();
    await execution.rest();
    expect(execution.callbacks).toEqual([
      { callbackId: expect.any(String), name: "named" },
      { callbackId: expect.any(String), timesOutAt: expect.any(Number) },
    ]);
    const [named, timed] = execution.callbacks;
    durable.answer(String(named?.callbackId), 1);
    await execution.rest();
    expect(execution.callbacks).toEqual([timed]);
    durable.answer(String(timed?.callbackId), 2);
    await execution.rest();
    expect(execution.status).toBe("SUCCEEDED");
  });
});

test("A callback in a context that has ended waits for nothing", async () => {
  const execution = await start(async (_event, context) => {
    await context.runInChildContext("gives up", async (child) => {
      await child.createCallback("abandoned");
    });
    const [answer] = await context.createCallback("needed");
    return answer;
  });
  await execution.rest();
  expect(execution.callbacks).toMatchObject([{ name: "needed" }]);
});

describe("Time", () => {
  test("that is skipped keeps the order of what waits", async () => {
    const order: string[] = [];
    const execution = await start(async (_event, context) => {
      const waiting = async (name: string, minutes: number) => {
        await context.runInChildContext(name, async (child) => {
          await child.wait({ minutes });
          await child.step(async () => void order.push(name));
        });
      };
      await Promise.all([
        waiting("late", 60),
        waiting("early", 1),
        waiting("middle", 20),
      ]);
    });
    await execution.result;
    expect(order).toEqual(["early", "middle", "late"]);
  });

  test("passes as it does when it is not skipped", async () => {
    const startedAt = Date.now();
    const execution = await start(
      (_event, context) => context.wait({ seconds: 1 }),
      { skipTime: false },
    );
    expect((await execution.result).status).toBe("SUCCEEDED");
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(1_000);
  });

  test("ends a wait while the function still runs", async () => {
    let hasWaited = false;
    const execution = await start(async (_event, context) => {
      await Promise.all([
        context.step("long", () => until(() => hasWaited)),
        (async () => {
          await context.wait({ seconds: 1 });
          hasWaited = true;
        })(),
      ]);
    });
    expect((await execution.result).status).toBe("SUCCEEDED");
    expect(execution.invocations).toHaveLength(1);
  });

  test("of an execution has an end, the skipped one included", async () => {
    const execution = await start(
      (_event, context) => context.wait({ hours: 2 }),
      { executionTimeoutSeconds: 3_600 },
    );
    expect(await execution.result).toEqual({
      status: "TIMED_OUT",
      error: { ErrorMessage: "The execution has timed out." },
    });
  });

  test("of an execution that waits for somebody has an end, too", async () => {
    const execution = await start(
      (_event, context) => context.waitForCallback(async () => {}),
      { executionTimeoutSeconds: 1 },
    );
    expect((await execution.result).status).toBe("TIMED_OUT");
  });
});

describe("An invocation that fails", () => {
  test("is repeated, and its finished steps are not", async () => {
    const calls: string[] = [];
    const execution = await start(async (_event, context, crash) => {
      await context.step("one", async () => void calls.push("one"));
      if (execution.invocations.length < 2) return crash(Error("no memory"));
      await context.step("two", async () => void calls.push("two"));
    });
    expect((await execution.result).status).toBe("SUCCEEDED");
    expect(calls).toEqual(["one", "two"]);
    const error = new Error("no memory");
    expect(execution.invocations).toEqual([
      { status: "ERROR", error },
      { status: "ERROR", error },
      { status: "SUCCEEDED" },
    ]);
  });

  test("is one that has no answer at its timeout, which its signal and its context tell", async () => {
    const told: unknown[] = [];
    durable = await startDurable({
      invoke: async (_event, { signal, context }) => {
        if (told.length > 0) return { Status: "SUCCEEDED" };
        await new Promise((resolve) =>
          signal.addEventListener("abort", resolve),
        );
        told.push(context.getRemainingTimeInMillis() <= 0);
      },
      timeoutMs: 50,
      skipTime: true,
    });
    const execution = durable.start();
    expect((await execution.result).status).toBe("SUCCEEDED");
    expect(told).toEqual([true]);
    const error = new Error("Task timed out after 0.05 seconds");
    expect(execution.invocations[0]).toEqual({ status: "ERROR", error });
  });

  test("is repeated with a back-off until the execution times out", async () => {
    durable = await startDurable({
      invoke: () => {
        throw new Error("no memory");
      },
      skipTime: true,
    });
    const execution = durable.start();
    expect((await execution.result).status).toBe("TIMED_OUT");
    // 1 + 2 + 4 + ... seconds are a day.
    expect(execution.invocations).toHaveLength(17);
  });

  test("is repeated after a second when time is not skipped", async () => {
    const startedAt = Date.now();
    durable = await startDurable({
      invoke: () => {
        if (Date.now() < startedAt + 1_000) throw new Error("no memory");
        return { Status: "SUCCEEDED" };
      },
    });
    const execution = durable.start();
    expect((await execution.result).status).toBe("SUCCEEDED");
    expect(execution.invocations).toHaveLength(2);
  });

  test("with SIGKILL resumes without repeating a finished step", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lambdallm-durable-"));
    const CALLS_FILE = join(folder, "calls");
    await writeFile(CALLS_FILE, "");
    let dieIn = 2;
    durable = await startDurable({
      skipTime: true,
      invoke: async (event, { signal }) => {
        const child = fork(
          fileURLToPath(new URL("./durable-function.ts", import.meta.url)),
          {
            env: {
              PATH: process.env["PATH"],
              AWS_ENDPOINT_URL_LAMBDA: durable.url,
              AWS_REGION: "us-east-1",
              AWS_ACCESS_KEY_ID: "local",
              AWS_SECRET_ACCESS_KEY: "local",
              CALLS_FILE,
              // Each invocation comes one step further.
              DIE_IN: String(dieIn++),
            },
            execArgv: ["--disable-warning=ExperimentalWarning"],
            signal,
          },
        );
        child.send(event);
        const [answer] = await Promise.race([
          once(child, "message"),
          once(child, "exit").then(([, by]) => Promise.reject(Error(by))),
        ]);
        return answer;
      },
    });
    const execution = durable.start({ steps: 4 });
    expect((await execution.result).result).toEqual([1, 2, 3, 4]);
    expect(execution.invocations).toEqual([
      { status: "ERROR", error: new Error("SIGKILL") },
      { status: "ERROR", error: new Error("SIGKILL") },
      { status: "ERROR", error: new Error("SIGKILL") },
      { status: "SUCCEEDED" },
    ]);
    const calls = await readFile(CALLS_FILE, "utf8");
    // The step in which the process died is called again; no other one is.
    expect(calls).toBe("1\n2\n2\n3\n3\n4\n4\n");
    await rm(folder, { recursive: true });
  });
});

describe("An execution ends as STOPPED", () => {
  test("when it is stopped while the function runs, which its signal tells", async () => {
    const aborted: boolean[] = [];
    durable = await startDurable({
      invoke: (_event, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            aborted.push(signal.aborted);
            resolve({ Status: "SUCCEEDED" });
          });
        }),
    });
    const execution = durable.start();
    await new Promise(setImmediate);
    execution.stop();
    expect(await execution.result).toEqual({ status: "STOPPED" });
    expect(aborted).toEqual([true]);
    execution.stop();
    expect(execution.status).toBe("STOPPED");
  });

  test("when it waits and everything is closed", async () => {
    const execution = await start((_event, context) =>
      context.waitForCallback(async () => {}),
    );
    await callbackOf(execution);
    await durable.close();
    expect(await execution.result).toEqual({ status: "STOPPED" });
  });

  test("and a finished one stays what it is", async () => {
    const execution = await start(async () => 1);
    await execution.result;
    execution.stop();
    expect(execution.status).toBe("SUCCEEDED");
  });
});
