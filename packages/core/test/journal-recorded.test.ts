import { describe, expect, test } from "@jest/globals";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import middy from "middy7";
import { invocationOf, journalOf, timeIsUp } from "../src/feature.ts";
import {
  JournalMismatchError,
  StepFailure,
  StepInProgressError,
  StoreError,
  Suspended,
} from "../src/index.ts";
import { memoryJournal, runInStep, Spending } from "../src/stores.ts";
import { TestRun } from "./journal-recorder.ts";

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );

const never = () => new Promise<never>(() => {});

describe("When there is no time left", () => {
  test("a step is not started, and the run is suspended", async () => {
    const run = new TestRun();
    run.remainingMs = 0;
    const journal = run.journal();
    const error = await caught(journal.step("one", async () => "done"));
    expect(error).toEqual(new Suspended("run", { resumeAt: 1_000 }));
    expect(error).toMatchObject({ runId: "run", resumeAt: 1_000 });
    expect(journal.suspended).toBe(error);
    expect(run.starts.size).toBe(0);
  });

  test("a step that runs is told to stop, freed, and started again by the next invocation", async () => {
    const run = new TestRun();
    run.remainingMs = 20;
    const aborted = Promise.withResolvers<void>();
    const error = await caught(
      run.journal().step("slow", ({ signal }) => {
        signal.addEventListener("abort", () => aborted.resolve());
        return never();
      }),
    );
    await aborted.promise;
    expect(Suspended.isInstance(error)).toBe(true);
    expect(run.entries.get("000001")).toEqual({
      kind: "step",
      name: "slow",
      status: "released",
    });
    run.remainingMs = Number.POSITIVE_INFINITY;
    expect(await run.journal().step("slow", async () => "done")).toBe("done");
    expect(run.starts.get("000001")).toBe(2);
  });

  test.each<[what: string, instead: () => Promise<unknown>]>([
    ["returns something else", async () => "fallback"],
    ["throws something else", async () => Promise.reject(new Error("Late."))],
  ])(
    "a step whose model call was cut off is freed, also when it %s",
    async (_what, instead) => {
      const run = new TestRun();
      const journal = run.journal();
      const cut = { timeoutStrategy: "checkpoint", journal } as const;
      const error = await caught(
        journal.step("draft", () =>
          Promise.reject(timeIsUp(cut, "Late.")).catch(instead),
        ),
      );
      expect(Suspended.isInstance(error)).toBe(true);
      expect(run.entries.get("000001")).toMatchObject({ status: "released" });
      expect(await run.journal().step("draft", async () => "done")).toBe(
        "done",
      );
    },
  );

  test("a retry is put off to the next invocation, which counts its starts by themselves", async () => {
    const run = new TestRun();
    run.longestWaitMs = 0;
    const program = (journal = run.journal()) =>
      journal.step(
        "flaky",
        async ({ attempt, key }) => {
          if (attempt === 1) throw new Error("Not yet.");
          return { attempt, key };
        },
        { retry: () => ({ delayMs: 7 }) },
      );
    expect(await caught(program())).toEqual(
      new Suspended("run", { resumeAt: 1_007 }),
    );
    expect(await caught(program())).toEqual(
      new Suspended("run", { resumeAt: 1_007 }),
    );
    run.time = 1_007;
    expect(await program()).toEqual({ attempt: 2, key: "run/000001" });
    expect([...run.starts]).toEqual([
      ["000001", 1],
      ["000001@2", 1],
    ]);
  });
});

describe("A step that never comes to its end", () => {
  test("fails when it is started once more than allowed, and keeps what it had cost", async () => {
    const run = new TestRun();
    run.starts.set("000001", 3);
    run.entries.set("000001", {
      kind: "step",
      name: "large",
      status: "released",
      costUsd: 0.25,
    });
    const error = await caught(
      run.journal().step("large", async () => "never run"),
    );
    expect(error).toMatchObject({
      step: "large",
      code: "STEP_NEVER_ENDED",
      costUsd: 0.25,
      message:
        'The step "large" was started 3 times and never came to its end: the process ran out of memory, was killed, or had no time left each time. Give the function more memory or time, make the step smaller, or raise maxStarts.',
    });
    const again = await caught(run.journal().step("large", async () => ""));
    expect(again).toEqual(error);
  });
});

describe("What somebody else has recorded meanwhile", () => {
  test("is the result of the step, of the wait and of the question", async () => {
    const run = new TestRun();
    run.others.set("000001", {
      kind: "step",
      name: "one",
      status: "done",
      value: "theirs",
    });
    run.others.set("000002", {
      kind: "sleep",
      name: "two",
      status: "asleep",
      resumeAt: 1_000,
    });
    const journal = run.journal();
    expect(await journal.step("one", async () => "ours")).toBe("theirs");
    await journal.sleep("two", 60_000);
    expect(run.starts.size).toBe(0);
  });
});

describe("Work that was aborted from outside", () => {
  test("is no failure of the step", async () => {
    const run = new TestRun();
    const controller = new AbortController();
    run.signal = controller.signal;
    const journal = run.journal();
    const begun = Promise.withResolvers<void>();
    const running = caught(
      journal.step("one", () => {
        begun.resolve();
        return never();
      }),
    );
    await begun.promise;
    const reason = new Error("The client has gone.");
    controller.abort(reason);
    expect(await running).toBe(reason);
    expect(run.entries.get("000001")?.status).toBe("released");
    expect(await caught(journal.step("two", never))).toBe(reason);
    expect(await caught(journal.sleep("three", 5))).toBe(reason);
  });
});

describe("A retry that says something else than false or a delay", () => {
  test("is told so", async () => {
    const fail = async () => {
      throw new Error("No.");
    };
    for (const delayMs of [-1, Number.NaN, undefined])
      await expect(
        new TestRun()
          .journal()
          .step("one", fail, { retry: () => ({ delayMs }) as never }),
      ).rejects.toThrow(
        'The retry of the step "one" must return false or { delayMs } with a finite number of at least 0.',
      );
  });
});

describe("A store that fails", () => {
  test("ends the run, and is no outcome of a branch", async () => {
    const failures = [
      new StoreError("Down.", { reason: "unavailable", operation: "commit" }),
      new StepInProgressError("Superseded.", {
        runId: "run",
        step: "000001.000001.000001",
        expiresAt: 2_000,
      }),
    ];
    for (const failure of failures) {
      const run = new TestRun();
      run.failures.set("000001.000001.000001", failure);
      const other: string[] = [];
      const error = await caught(
        run
          .journal()
          .all<unknown>("branches", [
            (branch) => branch.step("fails", async () => 1),
            (branch) => branch.step("other", async () => other.push("ran")),
            async (_branch, outcomes) => outcomes[0],
          ]),
      );
      expect(error).toBe(failure);
      expect(other).toEqual(["ran"]);
    }
  });
});

describe("A program that swallows what has ended the run", () => {
  const down = new StoreError("Down.", {
    reason: "unavailable",
    operation: "commit",
  });

  test("gets it again, whatever it asks for, and does not end well", async () => {
    const run = new TestRun();
    run.failures.set("000001", down);
    const journal = run.journal();
    await caught(journal.step("one", async () => 1));
    const others = [
      journal.step("instead", never),
      journal.all("instead", []),
      journal.sleep("instead", 1),
      journal.ask("instead", never),
    ];
    for (const other of others) expect(await caught(other)).toBe(down);
    expect(() => journal.checkEnd()).toThrow(down);
    expect(run.entries.size).toBe(0);
  });

  test("gets it again after a step that has another name now", async () => {
    const run = new TestRun();
    await run.journal().step("outline", async () => 1);
    const journal = run.journal();
    const error = await caught(journal.step("summary", never));
    expect(error).toBeInstanceOf(JournalMismatchError);
    expect(await caught(journal.step("instead", never))).toBe(error);
    expect(() => journal.checkEnd()).toThrow(JournalMismatchError);
  });

  test("in a branch begins nothing in the branches beside it either, and is not told that it waits", async () => {
    const run = new TestRun();
    run.longestWaitMs = 0;
    run.failures.set("000001.000001.000001", down);
    const journal = run.journal();
    const failed = Promise.withResolvers<void>();
    const error = await caught(
      journal.all<unknown>("branches", [
        async (branch) => {
          await caught(branch.step("fails", async () => 1));
          failed.resolve();
        },
        async (branch) => {
          await failed.promise;
          return branch.step("other", never);
        },
        (branch) => branch.sleep("waits", 60_000),
      ]),
    );
    expect(error).toBe(down);
    expect(journal.suspended).toBeUndefined();
  });

  test("gets it again when the run was ended from outside, also as an outcome of branches", async () => {
    const run = new TestRun();
    const controller = new AbortController();
    run.signal = controller.signal;
    const journal = run.journal();
    const reason = new Error("Enough.");
    const error = await caught(
      journal.all("branches", [
        (branch) =>
          branch.step("slow", () => {
            controller.abort(reason);
            return never();
          }),
      ]),
    );
    expect(error).toBe(reason);
    expect(await caught(journal.step("instead", never))).toBe(reason);
    expect(() => journal.checkEnd()).toThrow(reason);
  });
});

describe("A program that has changed", () => {
  const recorded = async () => {
    const run = new TestRun();
    const journal = run.journal();
    await journal.step("outline", async () => 1);
    await journal.all("parts", [
      (branch) => branch.step("part", async () => 2),
    ]);
    await journal.step("last", async () => 3);
    return run;
  };

  test("is told what was recorded, and what it asks for", async () => {
    const run = await recorded();
    const error = await caught(run.journal().step("summary", never));
    expect(error).toBeInstanceOf(JournalMismatchError);
    expect(error).toMatchObject({
      code: "JOURNAL_MISMATCH",
      runId: "run",
      recorded: 'step "outline"',
      asked: 'step "summary"',
      expose: false,
      message:
        'The run was recorded with step "outline" at position 000001, and the program asks for step "summary" there: it was changed, by a deployment for example, after the run had begun. Finish the run with the version that began it, or start a new one.',
    });
  });

  test.each([
    [
      "a step for branches",
      (journal: ReturnType<TestRun["journal"]>) => journal.step("parts", never),
      'branches that begin with step "part" at position 000002, and the program asks for step "parts"',
    ],
    [
      "a wait for a step",
      async (journal: ReturnType<TestRun["journal"]>) => {
        await journal.all("parts", []);
        await journal.sleep("last", 1);
      },
      'step "last" at position 000003, and the program asks for sleep "last"',
    ],
    [
      "branches for a step",
      async (journal: ReturnType<TestRun["journal"]>) => {
        await journal.all("parts", []);
        await journal.all("last", []);
      },
      'step "last" at position 000003, and the program asks for all "last"',
    ],
  ])("has %s", async (_what, program, words) => {
    const run = await recorded();
    const journal = run.journal();
    await journal.step("outline", never);
    await expect(program(journal)).rejects.toThrow(words);
  });

  test("ends the run in a branch, too", async () => {
    const run = await recorded();
    const journal = run.journal();
    await journal.step("outline", never);
    await expect(
      journal.all("parts", [(branch) => branch.step("piece", never)]),
    ).rejects.toThrow('step "part"');
  });

  test("has lost a step at its end", async () => {
    const run = await recorded();
    const journal = run.journal();
    await journal.step("outline", never);
    await journal.all("parts", [(branch) => branch.step("part", never)]);
    expect(() => journal.checkEnd()).toThrow(
      'The run was recorded with step "last" at position 000003, and the program ends without it',
    );
    await journal.step("last", never);
    expect(() => journal.checkEnd()).not.toThrow();
  });
});

describe("Several that wait", () => {
  test("suspend the run until the first of them can go on, and for all answers", async () => {
    const run = new TestRun();
    run.longestWaitMs = 0;
    const journal = run.journal();
    const error = await caught(
      journal.all("waiting", [
        (branch) => branch.sleep("short", 10),
        (branch) => branch.sleep("long", 20),
        (branch) => branch.ask("a", async () => {}),
        (branch) => branch.ask("b", async () => {}, { timeoutMs: 15 }),
      ]),
    );
    expect(error).toMatchObject({
      resumeAt: 1_010,
      waitingFor: [
        { name: "a", token: expect.any(String) },
        { name: "b", token: expect.any(String) },
      ],
    });
    // Tokens are secrets.
    expect(JSON.stringify(error)).not.toContain("waitingFor");
    expect(await caught(journal.step("more", never))).toBe(error);
  });
});

describe("What the model calls of a step cost", () => {
  const priced = (
    program: (invoke: () => Promise<string>) => Promise<unknown>,
  ) => {
    const provider = new MockProvider({
      responses: [
        { text: "Hi", usage: { inputTokens: 1_000_000, outputTokens: 0 } },
      ],
    });
    const handler = middy()
      .use(provider.middleware())
      .handler(async (_event, context) =>
        program(() => context.invoke("Hello")),
      );
    return () => handler({}, new MockLambdaContext());
  };

  test("is told to the step, recorded, and of a failure too", async () => {
    const run = new TestRun();
    await priced(async (invoke) => {
      const journal = run.journal();
      const costUsd = await journal.step("two", async (info) => {
        await Promise.all([invoke(), invoke()]);
        return info.costUsd;
      });
      expect(costUsd).toBeCloseTo(2, 10);
      const failure = await caught(
        journal.step("fails", async () => {
          await invoke();
          throw new Error("No.");
        }),
      );
      expect(failure).toMatchObject({ costUsd: 1 });
    })();
    expect([...run.entries.values()].map(({ costUsd }) => costUsd)).toEqual([
      2, 1,
    ]);
  });

  test("goes on from one attempt to the next, over invocations", async () => {
    const run = new TestRun();
    run.longestWaitMs = 0;
    const program = priced((invoke) =>
      run.journal().step(
        "flaky",
        async ({ attempt, costUsd }) => {
          await invoke();
          if (attempt < 3) throw new Error("Not yet.");
          return costUsd;
        },
        { retry: () => ({ delayMs: 1 }) },
      ),
    );
    for (let invocation = 1; invocation < 3; invocation++) {
      expect(Suspended.isInstance(await caught(program()))).toBe(true);
      run.time += 1;
    }
    await program();
    expect(run.entries.get("000001@3")?.costUsd).toBeCloseTo(3, 10);
  });

  test("is unknown once one has no price", () => {
    const spending = new Spending();
    expect([spending.costUsd, spending.recorded]).toEqual([0, undefined]);
    spending.add(undefined);
    spending.add(5);
    expect([spending.costUsd, spending.recorded]).toEqual([undefined, null]);
    const later = new Spending();
    later.continueFrom(null);
    expect([later.costUsd, later.recorded]).toEqual([undefined, null]);
    expect(
      new StepFailure({
        step: "one",
        code: "NO",
        message: "No.",
        statusCode: 500,
        expose: false,
        retryable: false,
        costUsd: null,
      }).costUsd,
    ).toBeUndefined();
  });

  test("does not belong to another run's step", async () => {
    const scope = { runId: "other", name: "outer", spending: new Spending() };
    const journal = memoryJournal();
    expect(
      await runInStep(scope, () => journal.step("inner", async () => 1)),
    ).toBe(1);
  });
});

describe("Whatever is thrown", () => {
  const hostile = new Proxy(
    {},
    {
      get() {
        throw new Error("Do not look at me.");
      },
    },
  );
  test.each<[what: string, thrown: unknown, message: string]>([
    ["what throws when it is looked at", hostile, "something that has no text"],
    ["what has no text", Object.create(null), "something that has no text"],
    ["a status that is none", { statusCode: 200, message: "OK?" }, "OK?"],
  ])("becomes a failure: %s", async (_what, thrown, message) => {
    const failing = memoryJournal().step("odd", async () => {
      throw thrown;
    });
    expect(await caught(failing)).toMatchObject({
      step: "odd",
      code: "Error",
      statusCode: 500,
      message,
    });
  });

  test("is recorded with a code that is no longer than codes are", async () => {
    const failing = memoryJournal().step("odd", async () => {
      throw Object.assign(new Error("Odd."), { code: "x".repeat(1_000_000) });
    });
    expect(await caught(failing)).toMatchObject({ code: "x".repeat(200) });
  });

  test("is recorded without fields that are too large for a record", async () => {
    const failing = memoryJournal().step("large", async () => {
      throw Object.assign(new Error("Large."), { text: "x".repeat(20_000) });
    });
    expect(await caught(failing)).not.toHaveProperty("data");
  });
});

describe("The journal of an invocation", () => {
  test("is one, in memory where no middleware has set another", async () => {
    const handler = middy()
      .use(new MockProvider().middleware())
      .handler(async (_event, context) => {
        const invocation = invocationOf(context);
        const journal = journalOf(invocation);
        expect(journalOf(invocation)).toBe(journal);
        expect(await journal.step("one", async () => 1)).toBe(1);
      });
    await handler({}, new MockLambdaContext());
  });

  test("decides what a call ends with that the deadline cut off", () => {
    const journal = memoryJournal({ runId: "one" });
    expect(
      timeIsUp({ timeoutStrategy: "checkpoint", journal }, "Late."),
    ).toMatchObject({ name: "Suspended", runId: "one" });
    for (const timeoutStrategy of ["fail-fast", "truncate"] as const)
      expect(timeIsUp({ timeoutStrategy, journal }, "Late.")).toMatchObject({
        name: "InvocationTimeoutError",
      });
    expect(
      timeIsUp({ timeoutStrategy: "checkpoint", journal: undefined }, "Late."),
    ).toMatchObject({ name: "InvocationTimeoutError" });
  });
});

describe("A journal in memory", () => {
  test("takes answers by name, or asks for them", async () => {
    const given = memoryJournal({ answers: { approve: true } });
    expect(await given.ask("approve", async () => {})).toBe(true);
    const { suspended } = given;
    expect(suspended).toBeUndefined();
    expect(
      Suspended.isInstance(await caught(given.ask("other", async () => {}))),
    ).toBe(true);
    const asked = memoryJournal({ answers: async ({ name }) => `${name}!` });
    expect(await asked.ask("name", async () => {})).toBe("name!");
    expect(
      await given
        .resume({ answers: { other: 1 } })
        .ask("approve", async () => {}),
    ).toBe(true);
  });

  test("waits with a timer, which ends with its signal", async () => {
    const controller = new AbortController();
    const journal = memoryJournal({ signal: controller.signal });
    await journal.sleep("short", 1);
    const waiting = caught(journal.sleep("long", 3_600_000));
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error("Enough."));
    expect(await waiting).toEqual(new Error("Enough."));
  });

  test("refuses options that are wrong", () => {
    expect(() => memoryJournal({ answers: 1 as never })).toThrow(
      'memoryJournal: the option "answers" must be an object.',
    );
    expect(() => memoryJournal({ wait: 1 as never })).toThrow(
      'memoryJournal: the option "wait" must be a function.',
    );
  });
});
