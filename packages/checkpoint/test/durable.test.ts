import {
  SendDurableExecutionCallbackFailureCommand,
  SendDurableExecutionCallbackSuccessCommand,
} from "@aws-sdk/client-lambda";
import { afterEach, describe, expect, test } from "@jest/globals";
import { type Journal, StepFailure } from "@lambdallm/core";
import { memoryJournal } from "@lambdallm/core/stores";
import { MockLambdaContext } from "@lambdallm/testing";
import { type DurableJournalOptions, durableJournal } from "../src/durable.ts";
import { type DurableHost, lambdaClientOf, startHost } from "./durable-host.ts";

let host: DurableHost;

afterEach(async () => {
  await host[Symbol.asyncDispose]();
});

/** How a program ends on durable functions. */
async function endingOf(
  program: (journal: Journal) => Promise<unknown>,
  options?: DurableJournalOptions,
) {
  return (await host.startRun(program, options)).run();
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no failure",
    (error: unknown) =>
      StepFailure.isInstance(error) ? error.code : String(error),
  );

describe("A step", () => {
  test("whose process dies is started again, and no other one is", async () => {
    host = await startHost();
    const calls: unknown[] = [];
    const ending = await endingOf(async (journal) => {
      await journal.step("before", async () => calls.push("before"));
      await journal.step("deadly", async ({ key, attempt }) => {
        calls.push([key.replace(journal.runId, ""), attempt]);
        if (calls.length < 3) await host.crash();
      });
      return journal.step("after", async () => "alive");
    });
    expect(ending).toEqual({ value: "alive" });
    // A kill is no attempt that the program has asked for.
    expect(calls).toEqual(["before", ["/000002", 1], ["/000002", 1]]);
  });

  test("whose process dies each time fails, and the program goes on", async () => {
    host = await startHost();
    let starts = 0;
    const program = (journal: Journal) =>
      codeOf(
        journal.step("greedy", async () => {
          starts += 1;
          await host.crash();
        }),
      );
    expect(await endingOf(program)).toEqual({ value: "STEP_NEVER_ENDED" });
    expect(starts).toBe(3);
    expect(await endingOf(program, { maxStarts: 1 })).toEqual({
      value: "STEP_NEVER_ENDED",
    });
    expect(starts).toBe(4);
  });

  test("that has no time left goes on in the next invocation", async () => {
    host = await startHost({ remainingMs: [1_000, 5_000] });
    const seen: unknown[] = [];
    const ending = await endingOf(
      (journal) =>
        journal.step("long", async ({ signal, attempt }) => {
          seen.push(attempt);
          if (seen.length === 1)
            await new Promise((resolve) =>
              signal.addEventListener("abort", resolve),
            );
          return seen.length;
        }),
      { reserveMs: 3_000 },
    );
    expect(ending).toEqual({ value: 2 });
    // In the first invocation it was not begun, and in the second one it was stopped.
    expect(seen).toEqual([1, 1]);
    const [execution] = host.durable.executions;
    expect(execution?.invocations.map(({ status }) => status)).toEqual([
      "PENDING",
      "PENDING",
      "SUCCEEDED",
    ]);
  });

  test("that never has enough time fails", async () => {
    host = await startHost({ remainingMs: [0, 0, 0, 0, 0] });
    const ending = await endingOf((journal) =>
      codeOf(journal.step("long", async () => "never")),
    );
    expect(ending).toEqual({ value: "STEP_NEVER_ENDED" });
  });

  test("has as much room as the service has, whatever it asks for", async () => {
    host = await startHost();
    const large = (bytes: number) => async () => "x".repeat(bytes - 2);
    const ending = await endingOf(async (journal) => [
      await codeOf(
        journal.step("n".repeat(200), large(256_000), { maxBytes: 1_000_000 }),
      ),
      await codeOf(
        journal.step("more", large(256_001), { maxBytes: 1_000_000 }),
      ),
    ]);
    expect(ending).toEqual({ value: ["no failure", "RESULT_TOO_LARGE"] });
  });

  test("has as little room as the options say", async () => {
    host = await startHost();
    const ending = await endingOf(
      (journal) => codeOf(journal.step("small", async () => "four")),
      { maxResultBytes: 5 },
    );
    expect(ending).toEqual({ value: "RESULT_TOO_LARGE" });
  });

  test("fails when its retry returns what is none, in every run", async () => {
    host = await startHost();
    const codes: string[] = [];
    const ending = await endingOf(async (journal) => {
      codes.push(
        await codeOf(
          journal.step("odd", () => Promise.reject(new Error("no")), {
            retry: () => ({ delayMs: NaN }),
          }),
        ),
      );
      await journal.sleep("moment", 1);
    });
    expect(ending).toEqual({ value: undefined });
    expect(codes).toEqual(["CONFIGURATION", "CONFIGURATION"]);
  });

  test("keeps its place beside others that are tried again", async () => {
    host = await startHost();
    const flaky =
      (name: string, times: number) =>
      async ({ attempt }: { readonly attempt: number }) => {
        if (attempt <= times) throw new Error("Not yet.");
        return `${name} ${attempt}`;
      };
    const retry = (_error: StepFailure, attempt: number) => ({
      delayMs: attempt * 7_000,
    });
    const ending = await endingOf(async (journal) => {
      const all = await Promise.all([
        journal.step("a", flaky("a", 3), { retry }),
        journal.step("b", flaky("b", 1), { retry }),
        journal.sleep("night", 10_000),
      ]);
      return [...all, await journal.step("c", flaky("c", 2), { retry })];
    });
    expect(ending).toEqual({ value: ["a 4", "b 2", undefined, "c 3"] });
  });
});

describe("Large results in a blob store", () => {
  /** A megabyte that a zip makes small, which the service does not do. */
  const large = async () => ({ text: "x".repeat(1_000_000) });

  function blobs() {
    const kept = new Map<string, Uint8Array>();
    const failures: Error[] = [];
    const answer = <T>(value: T): T => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return value;
    };
    return {
      kept,
      failures,
      blobStore: {
        put: async (key: string, bytes: Uint8Array) =>
          void answer(kept.set(key, bytes)),
        get: async (key: string) => answer(kept.get(key) ?? new Uint8Array()),
      },
    };
  }

  test("come back in every run", async () => {
    host = await startHost();
    const { kept, blobStore } = blobs();
    const lengths: number[] = [];
    const run = await host.startRun(
      async (journal) => {
        const { text } = await journal.step("large", large, {
          maxBytes: 2_000_000,
        });
        lengths.push(text.length);
        await journal.sleep("moment", 1);
      },
      { blobStore },
    );
    expect(await run.run()).toEqual({ value: undefined });
    expect(lengths).toEqual([1_000_000, 1_000_000]);
    const { arn } = run.execution();
    expect([...kept.keys()]).toEqual([
      expect.stringContaining(`${arn}/000001/`),
    ]);
  });

  test("are written again, and read again, in another invocation when the blob store fails", async () => {
    host = await startHost();
    const { failures, blobStore } = blobs();
    let calls = 0;
    const later = [new Error("Slow down.")];
    const run = await host.startRun(
      async (journal) => {
        await journal.step(
          "large",
          () => {
            calls += 1;
            return large();
          },
          { maxBytes: 2_000_000 },
        );
        failures.push(...later.splice(0));
        await journal.sleep("moment", 1);
      },
      { blobStore },
    );
    failures.push(new Error("Slow down."));
    expect(await run.run()).toEqual({ value: undefined });
    // What could not be written was lost, and is made again.
    expect(calls).toBe(2);
  });

  test("end the run when they are not there any more", async () => {
    host = await startHost();
    const { kept, blobStore } = blobs();
    const ending = await endingOf(
      async (journal) => {
        await journal.step("large", large, { maxBytes: 2_000_000 });
        kept.clear();
        await journal.sleep("moment", 1);
      },
      { blobStore },
    );
    expect(ending).toMatchObject({
      error: { name: "StoreError", reason: "corrupt" },
    });
  });
});

describe("Names", () => {
  test("may have letters that the service does not take", async () => {
    host = await startHost();
    const ending = await endingOf(async (journal) => {
      await journal.step("Schritt für Ä 🙂", async () => 1);
      await journal.sleep("Nächte", 1);
      const [branch] = await journal.all("Äste", [async () => "ok"]);
      return branch;
    });
    expect(ending).toEqual({ value: { ok: true, value: "ok" } });
  });

  test("that differ only in such letters are told apart after a deployment", async () => {
    host = await startHost();
    let name = "ä";
    const changed = await endingOf(async (journal) => {
      await journal.step(name, async () => 1);
      await journal.sleep("moment", 1);
      await journal.step("next", async () => {
        name = "ü";
        await host.crash();
      });
    });
    expect(changed).toMatchObject({
      error: {
        code: "JOURNAL_MISMATCH",
        recorded: 'step "ä"',
        asked: 'step "ü"',
      },
    });
  });
});

describe("Branches", () => {
  test("with outcomes that are too large for a record are put together again", async () => {
    host = await startHost();
    let calls = 0;
    const ending = await endingOf(async (journal) => {
      const outcomes = await journal.all<string>("large", [
        async (branch, all) => {
          const parts = ["a", "b"].map((letter) =>
            branch.step(letter, async () => {
              calls += 1;
              return letter.repeat(200_000);
            }),
          );
          await all[1];
          return (await Promise.all(parts)).join("");
        },
        async () => "small",
      ]);
      await journal.sleep("moment", 1);
      return outcomes.map((outcome) => outcome.ok && outcome.value.length);
    });
    expect(ending).toEqual({ value: [400_000, 5] });
    expect(calls).toBe(2);
  });

  test("end after the steps that nobody awaits in them", async () => {
    host = await startHost();
    let calls = 0;
    const ending = await endingOf(async (journal) => {
      await journal.all("careless", [
        async (branch) => {
          branch
            .step("unawaited", async () => {
              calls += 1;
              throw new Error("Nobody sees it.");
            })
            .catch(() => {});
        },
      ]);
      await journal.sleep("moment", 1);
    });
    expect(ending).toEqual({ value: undefined });
    expect(calls).toBe(1);
  });

  test("in which the program has changed end the run", async () => {
    host = await startHost();
    let name = "ä";
    const ending = await endingOf(async (journal) => {
      await journal.all("inside", [
        async (branch) => {
          await branch.step(name, async () => 1);
          await branch.step("next", async () => {
            name = "ü";
            await host.crash();
          });
        },
      ]);
    });
    expect(ending).toMatchObject({ error: { code: "JOURNAL_MISMATCH" } });
  });

  test("in which the program had changed are over, whatever it makes of it", async () => {
    host = await startHost();
    let name = "ä";
    const errors: unknown[] = [];
    const ending = await endingOf(async (journal) => {
      const branches = journal.all("inside", [
        async (branch) => {
          await branch.step(name, async () => 1);
          await branch.step("next", async () => {
            name = "ü";
            await host.crash();
          });
        },
      ]);
      await branches.catch((error: unknown) => errors.push(String(error)));
      await journal.sleep("moment", 1);
    });
    expect(ending).toEqual({ value: undefined });
    expect(errors).toEqual([
      expect.stringMatching(/^JournalMismatchError: .*ä.*ü/),
      expect.stringMatching(/^ChildContextError: .*ä.*ü/),
    ]);
  });
});

describe("A question", () => {
  test("is passed on again, with its token, when that was killed", async () => {
    host = await startHost();
    const tokens: string[] = [];
    const run = await host.startRun((journal) =>
      journal.ask("approve", async (token) => {
        tokens.push(token);
        if (tokens.length === 1) await host.crash();
      }),
    );
    expect(await run.run()).toEqual({
      waitingFor: [{ name: "approve", token: tokens[0] }],
    });
    await run.answer(String(tokens[0]), "yes");
    expect(await run.run()).toEqual({ value: "yes" });
    expect(tokens).toEqual([tokens[0], tokens[0]]);
  });

  test("that is rejected fails with the error of the one who was asked", async () => {
    host = await startHost();
    const run = await host.startRun(async (journal) =>
      journal.ask("approve", async () => {}).catch((error: unknown) => error),
    );
    await run.run();
    const [open] = run.execution().callbacks;
    const error = Object.assign(new Error("I am ill."), { name: "Absent" });
    host.durable.reject(String(open?.callbackId), error);
    expect(await run.run()).toMatchObject({
      value: {
        name: "StepFailure",
        step: "approve",
        code: "Absent",
        message: "I am ill.",
        statusCode: 502,
      },
    });
  });

  test("that is rejected without a reason fails all the same", async () => {
    host = await startHost();
    const run = await host.startRun((journal) =>
      codeOf(journal.ask("approve", async () => {})),
    );
    await run.run();
    const [open] = run.execution().callbacks;
    const client = lambdaClientOf(host.durable);
    await client.send(
      new SendDurableExecutionCallbackFailureCommand({
        CallbackId: open?.callbackId,
      }),
    );
    client.destroy();
    expect(await run.run()).toEqual({ value: "CallbackExternalError" });
  });

  test("whose answer is no JSON fails", async () => {
    host = await startHost();
    const run = await host.startRun((journal) =>
      codeOf(journal.ask("approve", async () => {})),
    );
    await run.run();
    const [open] = run.execution().callbacks;
    const client = lambdaClientOf(host.durable);
    await client.send(
      new SendDurableExecutionCallbackSuccessCommand({
        CallbackId: open?.callbackId,
        Result: Buffer.from("yes"),
      }),
    );
    client.destroy();
    expect(await run.run()).toEqual({ value: "ANSWER_NOT_JSON" });
  });
});

test("A wait of more than a year is refused", async () => {
  host = await startHost();
  const year = 366 * 24 * 3_600_000;
  const ending = await endingOf(async (journal) => [
    await codeOf(journal.sleep("long", year + 1)),
    await codeOf(journal.ask("late", async () => {}, { timeoutMs: year + 1 })),
  ]);
  expect(ending).toMatchObject({
    value: [
      expect.stringContaining('the time of "long" must be a year at most'),
      expect.stringContaining('the time of "late" must be a year at most'),
    ],
  });
});

describe("What the service takes of an execution is not exceeded", () => {
  test("in operations, those of ended branches, waits and kills included", async () => {
    const limits = { operations: 60 };
    host = await startHost({ limits });
    const steps: number[] = [];
    const ending = await endingOf(
      async (journal) => {
        await journal.all("branches", [
          async (branch) => {
            for (let index = 0; index < 10; index++)
              await branch.step("inside", async () => index);
          },
        ]);
        await journal.step("killed", async () => {
          if (steps.push(0) === 1) await host.crash();
        });
        await journal.sleep("moment", 1);
        for (;;) {
          const index = await journal.step("outside", async () => steps.length);
          steps.push(index);
        }
      },
      { maxOperations: limits.operations },
    );
    expect(ending).toMatchObject({
      error: {
        code: "RUN_TOO_LARGE",
        step: "outside",
        message:
          '"outside" was not started: a durable execution may have 60 operations, and this run has used 40 of them. Let a step do more, keep large results elsewhere, or go on in another run.',
      },
    });
    const [execution] = host.durable.executions;
    // The execution itself is one of them, and is not counted; the kill has cost one.
    expect(execution?.operations).toHaveLength(1 + 39);
  });

  test("in bytes", async () => {
    host = await startHost({ limits: { writtenBytes: 3_000_000 } });
    let steps = 0;
    const ending = await endingOf(
      async (journal) => {
        for (;;)
          await journal.step("large", async () => {
            steps += 1;
            return "x".repeat(250_000);
          });
      },
      { maxWrittenBytes: 3_000_000 },
    );
    expect(ending).toMatchObject({ error: { code: "RUN_TOO_LARGE" } });
    // Two megabytes stay free for results that are on their way.
    expect(steps).toBe(4);
  });
});

test("A program gets the same from durable functions as in memory", async () => {
  host = await startHost();
  const program = async (journal: Journal) => {
    const seen: unknown[] = [];
    const outline = await journal.step("outline", async () => ({
      bytes: new Uint8Array([1, 2]),
      at: new Date(0),
      none: undefined,
    }));
    const parts = await journal.all<unknown>("parts", [
      (branch) => branch.step("one", async () => 1),
      (branch) =>
        branch.step("two", async () => {
          throw Object.assign(new RangeError("Too far."), { limit: 3 });
        }),
    ]);
    const answer = await journal.ask("approve", async (token) => {
      seen.push(typeof token);
    });
    return { outline, parts, answer };
  };
  const run = await host.startRun(program);
  await run.run();
  const [open] = run.execution().callbacks;
  await run.answer(String(open?.callbackId), "yes");
  const memory = memoryJournal({ answers: { approve: "yes" } });
  expect(await run.run()).toEqual({ value: await program(memory) });
});

test.each([undefined, {}, new MockLambdaContext()])(
  "A context that is not one of a durable execution is refused",
  (context) => {
    expect(() => durableJournal(context as never)).toThrow(
      "durableJournal: the context is not that of a durable execution. Give the DurableContext that withDurableExecution, or Middy's executionModeDurableContext, hands to the handler.",
    );
  },
);

test("Options that do not exist are refused", () => {
  expect(() => durableJournal({} as never, { retries: 1 } as never)).toThrow(
    'durableJournal: there is no option "retries". Options: maxResultBytes,',
  );
});
