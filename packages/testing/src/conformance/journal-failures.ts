import assert from "node:assert/strict";
import { LambdaLLMError, ModelInvocationError } from "@lambdallm/core";
import {
  describe,
  failureOf,
  type JournalTools,
  nobody,
  resultOf,
  twice,
  waitingFor,
} from "./journal-support.ts";
import { same } from "./same.ts";
import { NO_JSON } from "./samples.ts";
import type { Cases } from "./suite.ts";

/** What steps throw, and what a StepFailure tells of it. */
const THROWN: readonly (readonly [
  what: string,
  thrown: () => unknown,
  told: Record<string, unknown>,
])[] = [
  [
    "an error of the suite",
    () =>
      new ModelInvocationError("Slow down.", {
        reason: "throttled",
        model: "some.model",
        retryable: true,
        billed: "none",
      }),
    {
      code: "MODEL_INVOCATION",
      message: "Slow down.",
      statusCode: 503,
      expose: true,
      retryable: true,
    },
  ],
  [
    "an error with fields of its own",
    () =>
      Object.assign(new RangeError("Too far."), { limit: 3, at: new Date(0) }),
    {
      code: "RangeError",
      message: "Too far.",
      statusCode: 500,
      expose: false,
      retryable: false,
      data: { limit: 3, at: "1970-01-01T00:00:00.000Z" },
    },
  ],
  [
    "an error as http-errors makes it",
    () =>
      Object.assign(new Error("Gone."), {
        code: "E_GONE",
        statusCode: 410,
        expose: true,
      }),
    { code: "E_GONE", message: "Gone.", statusCode: 410, expose: true },
  ],
  ["a text", () => "no error", { code: "Error", message: "no error" }],
  ["nothing", () => undefined, { code: "Error", message: "undefined" }],
  [
    "fields without JSON",
    () => Object.assign(new Error("Odd."), { amount: 1n }),
    { code: "Error", message: "Odd." },
  ],
];

export const journalFailureCases: Cases<JournalTools> = {
  "a failure is recorded, and comes back equal in every run": async (tools) => {
    for (const [what, thrown, told] of THROWN) {
      let calls = 0;
      const [first, again] = await twice(tools, (journal) =>
        failureOf(
          journal.step("failing", async () => {
            calls += 1;
            throw thrown();
          }),
        ),
      );
      same({ ...first, ...told }, first, what);
      assert.equal(first["step"], "failing");
      same(again, first, what);
      assert.equal(calls, 1, `${what}: a failed step is not repeated`);
    }
  },

  "prompts and answers that an error hides are not in the record": async (
    tools,
  ) => {
    const [, again] = await twice(tools, (journal) =>
      failureOf(
        journal.step("secret", async () => {
          const error = new LambdaLLMError("Safe.", {
            code: "SAFE",
            statusCode: 502,
          });
          Object.defineProperty(error, "text", { value: "a secret answer" });
          throw error;
        }),
      ),
    );
    assert.ok(!JSON.stringify(again).includes("secret answer"));
  },

  "a result without JSON fails its step, which is not tried again": async (
    tools,
  ) => {
    for (const [what, value] of [...NO_JSON, ["a function", String] as const]) {
      let calls = 0;
      const [first, again] = await twice(tools, (journal) =>
        failureOf(
          journal.step(
            "odd",
            async () => {
              calls += 1;
              return value;
            },
            { retry: atOnce },
          ),
        ),
      );
      assert.equal(first["code"], "RESULT_NOT_JSON", what);
      same(again, first, what);
      assert.equal(calls, 1, what);
    }
  },

  "a result that is too large fails its step, and not the run": async (
    tools,
  ) => {
    let calls = 0;
    const large = (bytes: number) => async () => {
      calls += 1;
      return "x".repeat(bytes);
    };
    const [first, again] = await twice(tools, async (journal) => [
      await failureOf(
        journal.step("five megabytes", large(5_000_000), {
          retry: atOnce,
        }),
      ),
      await failureOf(
        journal.step("more than it says", large(1_000), { maxBytes: 1_001 }),
      ),
      await journal.step("all that it says", large(1_000), { maxBytes: 1_002 }),
    ]);
    same(
      first.map((one) => Reflect.get(Object(one), "code")),
      ["RESULT_TOO_LARGE", "RESULT_TOO_LARGE", undefined],
    );
    same(again, first);
    assert.equal(calls, 3);
  },

  "a step is tried again as its retry says, and told which attempt it is":
    async (tools) => {
      const attempts: number[] = [];
      const asked: unknown[] = [];
      const [first, again] = await twice(tools, (journal) =>
        journal.step(
          "flaky",
          async ({ attempt }) => {
            attempts.push(attempt);
            if (attempt < 3) throw new Error(`attempt ${attempt}`);
            return attempt;
          },
          {
            retry: (error, attempt) => {
              asked.push([describe(error)["message"], attempt]);
              return asked.length < MOST_RETRIES && { delayMs: 1 };
            },
          },
        ),
      );
      same([first, again], [3, 3]);
      same(attempts, [1, 2, 3]);
      same(asked, [
        ["attempt 1", 1],
        ["attempt 2", 2],
      ]);
    },

  "a retry that waits for long starts each attempt once": async (tools) => {
    const attempts: number[] = [];
    const [first, again] = await twice(tools, (journal) =>
      journal.step(
        "patient",
        async ({ attempt }) => {
          attempts.push(attempt);
          if (attempt < 3) throw new Error("Not yet.");
          return "at last";
        },
        {
          retry: () => attempts.length < MOST_RETRIES && { delayMs: LONG_MS },
        },
      ),
    );
    same([first, again], ["at last", "at last"]);
    same(attempts, [1, 2, 3]);
  },

  "a step that is not tried again fails with its last error": async (tools) => {
    const [first, again] = await twice(tools, (journal) =>
      failureOf(
        journal.step(
          "hopeless",
          async ({ attempt }) => {
            throw new Error(`attempt ${attempt}`);
          },
          { retry: (_error, attempt) => attempt < 2 && atOnce() },
        ),
      ),
    );
    assert.equal(first["message"], "attempt 2");
    same(again, first);
  },

  "a step inside of a step is refused": async (tools) => {
    let calls = 0;
    const failure = await resultOf(tools, (journal) =>
      failureOf(
        journal.step("outer", () =>
          journal.step("inner", async () => {
            calls += 1;
          }),
        ),
      ),
    );
    assert.equal(Reflect.get(Object(failure), "code"), "CONFIGURATION");
    assert.match(
      String(Reflect.get(Object(failure), "message")),
      /"inner".*"outer"/,
    );
    assert.equal(calls, 0);
  },

  "a program that has changed fails with what was recorded and what it asks for, and runs nothing":
    async ({ startRun }) => {
      let isChanged = false;
      const calls: string[] = [];
      const run = await startRun(async (journal) => {
        const name = isChanged ? "summary" : "outline";
        await journal.step(name, async () => calls.push(name));
        await journal.ask("go on", nobody);
        await journal.step("last", async () => calls.push("last"));
      });
      const [question] = await waitingFor(run);
      isChanged = true;
      await run.answer(String(question?.token), true);
      const ending = await run.run();
      assert.ok("error" in ending, "the run fails");
      const message = String(Reflect.get(Object(ending.error), "message"));
      assert.match(message, /outline/);
      assert.match(message, /summary/);
      same(calls, ["outline"]);
    },
};

const atOnce = () => ({ delayMs: 0 });

/** Longer than a host waits in its process. */
const LONG_MS = 8_000;

/** A host that tells every attempt that it is the first must come to an end, too. */
const MOST_RETRIES = 10;
