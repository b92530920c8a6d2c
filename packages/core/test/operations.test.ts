import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ModelInvocationError, Prompt, Suspended } from "@lambdallm/core";
import {
  callFacts,
  enclosing,
  type Invocation,
  invocationOf,
  type Observation,
  type Operation,
  type OperationObserver,
  type OperationOutcome,
  type ProviderResponse,
  presentOperation,
  type ToolOperation,
  usageOf,
} from "@lambdallm/core/feature";
import { memoryJournal } from "@lambdallm/core/stores";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  before,
  type HandlerContext,
  hangingProvider,
  PRICED,
  providerOf,
  rejection,
  run,
} from "./support.ts";

const RUN = { id: "run-1", isResumable: false };
const tool = (name: string): ToolOperation => ({
  ...{ kind: "tool", name, run: RUN, toolUseId: "t", description: "" },
  ...{ agent: "a", input: {} },
});
const done = () =>
  ({
    status: "completed",
    result: { status: "success", content: [] },
  }) as const;

afterEach(() => {
  jest.restoreAllMocks();
});

/** Each operation with those that it is a part of, and how it has ended. */
function recorder() {
  const seen: string[] = [];
  const nameOf = (operation: Operation): string => {
    const own = "name" in operation ? operation.name : operation.callId;
    const { kind, parent } = operation;
    return `${parent ? `${nameOf(parent)} > ` : ""}${kind} ${own}`;
  };
  const observe: OperationObserver = (operation) => {
    seen.push(nameOf(operation));
    return {
      end: (outcome: OperationOutcome) => {
        seen.push(`${nameOf(operation)}: ${outcome.status}`);
      },
    };
  };
  return { seen, observe };
}

const observing = (observer: OperationObserver) =>
  before(async ({ context }) => {
    invocationOf(context).operations.observe(observer);
  });

describe.each(middyMajors)("operations on %s", (_name, middy) => {
  const inHandler = (
    observers: readonly OperationObserver[],
    handler: (
      context: HandlerContext,
      invocation: Invocation,
    ) => Promise<unknown>,
    responses: ConstructorParameters<typeof MockProvider>[0] = {
      responses: ["yes"],
    },
  ) =>
    run(
      middy,
      [new MockProvider(responses).middleware(), ...observers.map(observing)],
      (context) => handler(context, invocationOf(context)),
    );

  test("are calls with their attempts, and know what they are a part of", async () => {
    const { seen, observe } = recorder();
    await inHandler([observe], async ({ invoke }, { operations }) =>
      operations.run(tool("look"), () => invoke("Hello"), done),
    );
    expect(seen).toEqual([
      "tool look",
      "tool look > call 1",
      "tool look > call 1 > attempt 1",
      "tool look > call 1 > attempt 1: completed",
      "tool look > call 1: completed",
      "tool look: completed",
    ]);
  });

  test("are steps of a journal, when their work is done, and not when it is read again", async () => {
    const { seen, observe } = recorder();
    const events: string[] = [];
    await inHandler(
      [observe],
      async ({ invoke }, { operations, events: all }) => {
        all.on("operation-start", ({ operation }) => {
          events.push(`${operation.kind} begins`);
        });
        all.on("operation-end", ({ operation, outcome, durationMs }) => {
          expect(durationMs).toBeGreaterThanOrEqual(0);
          events.push(`${operation.kind} ${outcome.status}`);
        });
        const journal = memoryJournal({ operations });
        for (const one of [journal, journal.resume()])
          await one.step("ask", async () => invoke("Hello"));
      },
    );
    expect(seen.filter((line) => !line.includes(":"))).toEqual([
      "step ask",
      "step ask > call 1",
      "step ask > call 1 > attempt 1",
    ]);
    expect(events).toEqual(["step begins", "step completed"]);
  });

  test("of a run that goes on elsewhere begin, and end, in the events when something begins in them", async () => {
    const { seen, observe } = recorder();
    const events: string[] = [];
    const program = (kind: "agent" | "chain", name: string) =>
      ({
        ...{ kind, name, run: { id: "run-1", isResumable: true } },
        ...{ model: undefined, hasSchema: false },
      }) as const;
    const ended = () => ({ status: "suspended" }) as const;
    await inHandler(
      [observe],
      async ({ invoke }, { operations, events: all }) => {
        all.on("operation-start", ({ operation }) => {
          events.push(`${operation.name} begins`);
        });
        all.on("operation-end", ({ operation }) => {
          events.push(`${operation.name} ends`);
        });
        await operations.run(
          program("chain", "outer"),
          async () => {
            await operations.run(
              program("agent", "read again"),
              async () => 1,
              ended,
            );
            expect(events).toEqual([]);
            await operations.run(
              program("agent", "inner"),
              async () => [await invoke("Hello"), await invoke("Hello")],
              ended,
            );
          },
          ended,
        );
      },
      { responses: ["yes", "yes"] },
    );
    expect(events).toEqual([
      ...["outer begins", "inner begins", "inner ends", "outer ends"],
    ]);
    expect(seen).toContain("chain outer > agent read again");
  });

  test("a journal without an invocation of its own tells the program that it is used in", async () => {
    const { seen, observe } = recorder();
    await inHandler([observe], async (_context, { operations }) => {
      const alone = memoryJournal();
      await alone.step("unseen", async () => 1);
      return operations.run(
        tool("look"),
        () => alone.step("seen", async () => 2),
        done,
      );
    });
    expect(seen).toEqual([
      "tool look",
      "tool look > step seen",
      "tool look > step seen: completed",
      "tool look: completed",
    ]);
  });

  test("end as failed with the error, and as suspended when their run has to wait", async () => {
    const outcomes: unknown[] = [];
    const observe: OperationObserver = () => ({
      end: (outcome) => {
        outcomes.push(outcome);
      },
    });
    const error = new Error("no");
    await inHandler([observe], async (_context, { operations }) => {
      for (const thrown of [error, new Suspended("run-1", {})])
        expect(
          await rejection(
            operations.run(
              tool("look"),
              () => {
                throw thrown;
              },
              done,
            ),
          ),
        ).toBe(thrown);
    });
    expect(outcomes).toEqual([
      { status: "failed", error },
      { status: "suspended" },
    ]);
  });

  test("a call that was given up has ended for those who observe it, its attempt too", async () => {
    jest.useFakeTimers();
    try {
      const { seen, observe } = recorder();
      const events: string[] = [];
      const { middleware } = hangingProvider();
      const hanging = before(async ({ context }) => {
        const invocation = invocationOf(context);
        for (const name of ["attempt-error", "call-error"] as const)
          invocation.events.on(name, ({ callId }) => {
            events.push(`${name} ${callId}`);
          });
        // What never answers, and does not hear of an abort.
        invocation.intercept("attempt", "hanging", async (request, next) => {
          await next(request).catch(() => new Promise(() => {}));
          return new Promise(() => {});
        });
      });
      const running = run(
        middy,
        [middleware, observing(observe), hanging],
        async ({ invoke }) => rejection(invoke("Hello")),
        new MockLambdaContext({ timeoutMs: 10_000 }),
      );
      await jest.advanceTimersByTimeAsync(10_000);
      await running;
      expect(events).toEqual(["attempt-error 1", "call-error 1"]);
      expect(seen.at(-1)).toBe("call 1: failed");
    } finally {
      jest.useRealTimers();
    }
  });

  test("an attempt that hangs ends with its call, once, whatever comes of it later", async () => {
    jest.useFakeTimers();
    try {
      const seen: string[] = [];
      const late = Promise.withResolvers<ProviderResponse>();
      const listening = before(async ({ context }) => {
        const { events } = invocationOf(context);
        for (const name of [
          "attempt-end",
          "attempt-error",
          "call-error",
        ] as const)
          events.on(name, ({ callId }) => {
            seen.push(`${name} ${callId}`);
          });
      });
      const deaf = [
        async () => late.promise,
        async () =>
          new Promise<ProviderResponse>((_resolve, reject) => {
            late.promise.then(
              () => reject(new Error("late")),
              () => {},
            );
          }),
      ];
      await run(
        middy,
        [
          providerOf(
            () => (deaf.shift() ?? deaf[0])?.() as Promise<ProviderResponse>,
          ),
          listening,
        ],
        async ({ invoke }) => {
          const failed = Promise.all([
            rejection(invoke("One")),
            rejection(invoke("Two")),
          ]);
          await jest.advanceTimersByTimeAsync(10_000);
          await failed;
          late.resolve(answerOf("late"));
          await jest.advanceTimersByTimeAsync(0);
        },
        new MockLambdaContext({ timeoutMs: 10_000 }),
      );
      expect(seen).toEqual([
        ...["attempt-error 1", "call-error 1"],
        ...["attempt-error 2", "call-error 2"],
      ]);
    } finally {
      jest.useRealTimers();
    }
  });

  test("run inside of what their observers put around them, the first one outermost", async () => {
    const order: string[] = [];
    const around =
      (name: string): OperationObserver =>
      () => ({
        within: (work) => {
          order.push(`${name} in`);
          const value = work();
          order.push(`${name} out`);
          return value;
        },
      });
    const value = await inHandler(
      [around("first"), around("second"), () => undefined],
      async (_context, { operations }) =>
        operations.run(
          tool("look"),
          async () => {
            order.push("work");
            return "value";
          },
          done,
        ),
    );
    expect(value).toBe("value");
    expect(order).toEqual([
      "first in",
      "second in",
      "work",
      "second out",
      "first out",
    ]);
  });

  test.each<[string, OperationObserver]>([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    [
      "throws around the work",
      () => ({
        within: () => {
          throw new Error("broken");
        },
      }),
    ],
    [
      "throws after the work",
      () => ({
        within: (work) => {
          work();
          throw new Error("broken");
        },
      }),
    ],
    [
      "throws at the end",
      () => ({
        end: () => {
          throw new Error("broken");
        },
      }),
    ],
    [
      "is no function that returns an observation",
      (() => 5) as unknown as OperationObserver,
    ],
    [
      "does its work twice",
      () => ({
        within: (work) => {
          work();
          return work();
        },
      }),
    ],
    [
      "returns something else",
      () => ({ within: () => 5 }) as unknown as Observation,
    ],
  ])(
    "an observer that %s changes nothing, and is reported once at most",
    async (_what, observer) => {
      const warned = jest.spyOn(process, "emitWarning").mockReturnValue();
      let works = 0;
      const result = await inHandler(
        [observer],
        async ({ invoke }, { operations }) => {
          const values = [];
          for (let index = 0; index < 2; index++)
            values.push(
              await operations.run(
                tool("look"),
                async () => {
                  works += 1;
                  return invoke("Hello");
                },
                done,
              ),
            );
          return values;
        },
        { responses: ["yes", "yes"] },
      );
      expect(result).toEqual(["yes", "yes"]);
      expect(works).toBe(2);
      expect(warned.mock.calls.length).toBeLessThanOrEqual(1);
    },
  );

  test("a call's totals have what its failed attempts have used too", async () => {
    const totals: unknown[] = [];
    const retrying = before(async ({ context }) => {
      const invocation = invocationOf(context);
      invocation.intercept("retry", "retry", async (request, next) =>
        next(request).catch(() => next(request)),
      );
      invocation.operations.observe((operation) => ({
        end: () => {
          if (operation.kind === "call") totals.push(operation.totals.usage);
        },
      }));
      invocation.events.on("call-end", ({ totals: ended, response }) => {
        totals.push(ended.usage, response.usage, ended.totalCostUsd);
      });
    });
    const usage = usageOf(10, 5);
    const partial = answerOf("par", { usage: usageOf(10, 1) });
    const answers = [
      new ModelInvocationError("Broke off.", {
        ...{ reason: "interrupted", model: PRICED, partial },
      }),
      answerOf("whole", { usage }),
    ];
    const provider = providerOf(async () => {
      const next = answers.shift();
      if (next instanceof Error) throw next;
      return next as ProviderResponse;
    });
    await run(middy, [provider, retrying], ({ invoke }) => invoke("Hello"));
    const both = usageOf(20, 6);
    expect(totals).toEqual([both, usage, 0.00005, both]);
  });

  test("tell by what names a call is found", async () => {
    const facts: unknown[] = [];
    const listening = before(async ({ context }) => {
      invocationOf(context).events.on("call-start", ({ request, parent }) => {
        facts.push(callFacts(request, parent));
      });
    });
    const model = new MockProvider({ responses: ["a", "b"] });
    await run(middy, [model.middleware(), listening], async (context) => {
      const { operations } = invocationOf(context);
      await context.invoke("Hello");
      const prompt = new Prompt({
        name: "greet",
        version: "2",
        template: "Hi",
      });
      const agent = { model: PRICED, hasSchema: false, run: RUN };
      await operations.run(
        { kind: "chain", name: "report", run: RUN },
        () =>
          operations.run(
            { kind: "agent", name: "writer", ...agent },
            () =>
              operations.run(
                tool("look"),
                () =>
                  memoryJournal({ runId: "run-2" }).step("ask", async () =>
                    context.converse({
                      ...prompt.callOptions,
                      messages: [{ role: "user", content: [{ text: "Hi" }] }],
                      conversation: { id: "s-1" },
                    }),
                  ),
                done,
              ),
            () => ({ status: "suspended" }),
          ),
        () => ({ status: "suspended" }),
      );
    });
    expect(facts).toEqual([
      {},
      {
        ...{ promptName: "greet", promptVersion: "2", conversationId: "s-1" },
        ...{ chain: "report", agent: "writer", tool: "look", step: "ask" },
        runId: "run-2",
      },
    ]);
  });

  test("are found by their kind, around the present one", async () => {
    const found: unknown[] = [];
    await inHandler([], async (_context, { operations }) =>
      operations.run(
        tool("outer"),
        () =>
          operations.run(
            { kind: "chain", name: "report", run: RUN },
            async () => {
              const present = presentOperation();
              found.push(enclosing(present, "chain")?.name);
              found.push(enclosing(present, "tool")?.name);
              found.push(enclosing(present, "agent")?.name);
            },
            () => ({ status: "completed", result: { status: "completed" } }),
          ),
        done,
      ),
    );
    expect(found).toEqual(["report", "outer", undefined]);
    expect(presentOperation()).toBeUndefined();
  });

  test("of a nested provider are seen by the outer one's observers too", async () => {
    const { seen, observe } = recorder();
    const inner = new MockProvider({ responses: ["inner"] });
    await inHandler([observe], async (context) =>
      run(
        middy,
        [inner.middleware()],
        ({ invoke }) => invoke("Hello"),
        context,
      ),
    );
    expect(seen[0]).toBe("call 1");
  });

  test("of a nested provider tell by their events who was asked", async () => {
    const asked: unknown[] = [];
    const outer = new MockProvider({ responses: ["outer"] });
    const inner = new MockProvider({ responses: [new Error("inner")] });
    const listening = before(async ({ context }) => {
      for (const name of ["call-end", "call-error"] as const)
        invocationOf(context).events.on(name, ({ provider }) => {
          asked.push(provider);
        });
    });
    await run(middy, [outer.middleware(), listening], async (context) => {
      await context.invoke("Hello");
      const nested = run(
        middy,
        [inner.middleware()],
        ({ invoke }) => invoke("Hello"),
        context,
      );
      await rejection(nested);
    });
    expect(asked).toEqual([outer, inner]);
  });
});

describe.each(middyMajors)("a flush on %s", (_name, middy) => {
  test("runs at the end, and shortly before the timeout when the invocation is still open", async () => {
    jest.useFakeTimers();
    try {
      const flushed: number[] = [];
      const start = Date.now();
      const end = Promise.withResolvers<void>();
      const flushing = before(async ({ context }) => {
        invocationOf(context).addFlush(() => {
          flushed.push(Date.now() - start);
        });
      });
      const { middleware } = hangingProvider();
      const running = run(
        middy,
        [middleware, flushing],
        () => end.promise,
        new MockLambdaContext({ timeoutMs: 10_000 }),
      );
      await jest.advanceTimersByTimeAsync(9_900);
      expect(flushed).toEqual([9_755]);
      end.resolve();
      await running;
      expect(flushed).toHaveLength(2);
    } finally {
      jest.useRealTimers();
    }
  });

  test("runs after the calls that are given up have ended", async () => {
    jest.useFakeTimers();
    try {
      const seen: string[] = [];
      const end = Promise.withResolvers<void>();
      const flushing = before(async ({ context }) => {
        const invocation = invocationOf(context);
        invocation.intercept("call", "hangs", () => new Promise(() => {}));
        invocation.events.on("call-error", () => {
          seen.push("call-error");
        });
        invocation.addFlush(() => {
          seen.push("flush");
        });
      });
      const running = run(
        middy,
        [new MockProvider().middleware(), flushing],
        async ({ invoke }) => {
          invoke("Hello");
          await end.promise;
        },
        new MockLambdaContext({ timeoutMs: 10_000 }),
      );
      await jest.advanceTimersByTimeAsync(9_900);
      expect(seen).toEqual(["call-error", "flush"]);
      end.resolve();
      await running;
    } finally {
      jest.useRealTimers();
    }
  });

  test("that hangs shortly before the timeout does not hold the others back", async () => {
    jest.useFakeTimers();
    try {
      let flushed = 0;
      const hung = Promise.withResolvers<void>();
      const end = Promise.withResolvers<void>();
      const flushing = before(async ({ context }) => {
        const invocation = invocationOf(context);
        invocation.addFlush(() => hung.promise);
        invocation.addFlush(() => {
          flushed += 1;
        });
      });
      const running = run(
        middy,
        [new MockProvider().middleware(), flushing],
        () => end.promise,
        new MockLambdaContext({ timeoutMs: 10_000 }),
      );
      await jest.advanceTimersByTimeAsync(9_900);
      expect(flushed).toBe(1);
      hung.resolve();
      end.resolve();
      await running;
    } finally {
      jest.useRealTimers();
    }
  });

  test("that fails is a warning", async () => {
    const warned = jest.spyOn(process, "emitWarning").mockReturnValue();
    const flushing = before(async ({ context }) => {
      invocationOf(context).addFlush(() => {
        throw new Error("no disk");
      });
    });
    const model = new MockProvider({ responses: ["yes"] });
    const handler = ({ invoke }: HandlerContext) => invoke("Hello");
    expect(await run(middy, [model.middleware(), flushing], handler)).toBe(
      "yes",
    );
    expect(warned.mock.calls[0]?.[0]).toContain("no disk");
  });
});
