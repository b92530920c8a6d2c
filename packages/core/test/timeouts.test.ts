import {
  afterEach,
  beforeEach,
  describe,
  expect,
  jest,
  test,
} from "@jest/globals";
import { type ConverseRequest, InvocationTimeoutError } from "@lambdallm/core";
import {
  type Interceptor,
  invocationOf,
  type Stage,
} from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  answerOf,
  before,
  type HandlerContext,
  providerOf,
  readText,
  rejection,
  run,
} from "./support.ts";

const messages: ConverseRequest["messages"] = [
  { role: "user", content: [{ text: "Hi" }] },
];

const feature = (stage: Stage, name: string, intercept: Interceptor) =>
  before(async ({ context }) => {
    invocationOf(context).intercept(stage, name, intercept);
  });

const forever = () => new Promise<never>(() => {});

describe.each(middyMajors)("The backstop on %s", (_name, middy) => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** When a call that hangs is given up, in milliseconds after the invocation's start. */
  const givenUpAfter = async (
    context: MockLambdaContext,
    call: (context: HandlerContext) => Promise<unknown>,
    stage: Stage = "call",
  ) => {
    const start = Date.now();
    const ends: [ms: number, error: unknown][] = [];
    void run(
      middy,
      [new MockProvider().middleware(), feature(stage, "hangs", forever)],
      async (handlerContext) => {
        const error = await rejection(call(handlerContext));
        ends.push([Date.now() - start, error]);
      },
      context,
    );
    await jest.advanceTimersByTimeAsync(100_000);
    for (const [, error] of ends) {
      expect(error).toBeInstanceOf(InvocationTimeoutError);
      expect(error).toHaveProperty(
        "message",
        "The time was over, and the model call had not ended: something around it hangs.",
      );
    }
    return ends.map(([ms]) => ms);
  };

  const lambda = (timeoutMs: number) => new MockLambdaContext({ timeoutMs });
  const noLambda = {} as MockLambdaContext;
  const invoke = ({ invoke: call }: HandlerContext) => call("Hi");
  const within =
    (ms: number) =>
    ({ converse }: HandlerContext) =>
      converse({ messages, deadline: Date.now() + ms });

  test.each<Stage>(["call", "retry", "limit", "attempt"])(
    "gives up what hangs in the stage %s, half-way between deadline and timeout",
    async (stage) => {
      expect(await givenUpAfter(lambda(10_000), invoke, stage)).toEqual([
        9_750,
      ]);
    },
  );

  test("is never later than 2.5 seconds after the deadline, a call's own included", async () => {
    expect(await givenUpAfter(lambda(60_000), within(1_000))).toEqual([3_500]);
  });

  test("of a deadline that came too late counts for the invocation's", async () => {
    expect(await givenUpAfter(lambda(10_000), within(50_000))).toEqual([9_750]);
  });

  test("of a deadline in the past is now", async () => {
    expect(await givenUpAfter(lambda(60_000), within(-10_000))).toEqual([0]);
  });

  test("needs no Lambda, but a deadline", async () => {
    expect(await givenUpAfter(noLambda, within(1_000))).toEqual([3_500]);
    expect(await givenUpAfter(noLambda, invoke)).toEqual([]);
  });

  test("is known to whoever waits for something else", async () => {
    await run(
      middy,
      [new MockProvider().middleware()],
      async (context) => {
        const invocation = invocationOf(context);
        expect(invocation.backstop - Date.now()).toBe(9_750);
        invocation.tightenDeadline(Date.now() + 2_000);
        expect(invocation.backstop - Date.now()).toBe(4_500);
      },
      lambda(10_000),
    );
    await run(
      middy,
      [new MockProvider().middleware()],
      async (context) => {
        expect(invocationOf(context).backstop).toBe(Number.POSITIVE_INFINITY);
      },
      noLambda,
    );
  });

  test("aborts what is in flight, and leaves an answer in time alone", async () => {
    const reasons: unknown[] = [];
    const deaf = providerOf(async ({ signal }) => {
      signal?.addEventListener("abort", () => reasons.push(signal.reason));
      return forever();
    });
    const calling = run(
      middy,
      [deaf],
      async (context) => rejection(invoke(context)),
      lambda(10_000),
    );
    await jest.advanceTimersByTimeAsync(9_750);
    const error = await calling;
    expect(reasons).toEqual([error]);

    await run(middy, [new MockProvider().middleware()], invoke, lambda(10_000));
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe.each(middyMajors)("At the deadline on %s", (_name, middy) => {
  const answers = async <Result>(
    text: string,
    timeoutStrategy: "fail-fast" | "truncate",
    handler: (context: HandlerContext) => Promise<Result>,
  ) =>
    run(
      middy,
      [
        providerOf(async ({ onDelta }) => {
          onDelta?.({ kind: "text", text });
          return answerOf(text, { stopReason: "timeout" });
        }),
        before(async ({ context }) => {
          invocationOf(context).timeoutStrategy = timeoutStrategy;
        }),
      ],
      handler,
    );

  test("truncate lets invoke and stream have the text so far", async () => {
    await answers("so far", "truncate", async ({ invoke, stream }) => {
      expect(await invoke("Hi")).toBe("so far");
      const streamed = stream("Hi");
      expect(await readText(streamed)).toEqual(["so far"]);
      expect(await streamed.response).toMatchObject({
        text: "so far",
        stopReason: "timeout",
      });
    });
  });

  test("truncate lets them fail when there is none", async () => {
    await answers("", "truncate", async ({ invoke, stream }) => {
      for (const call of [invoke("Hi"), stream("Hi").response])
        expect(await rejection(call)).toBeInstanceOf(InvocationTimeoutError);
    });
  });

  test("a value is an error whatever the strategy, and converse never is", async () => {
    for (const strategy of ["fail-fast", "truncate"] as const)
      await answers('{"a": "b"}', strategy, async (context) => {
        const schema = { a: "string" } as const;
        for (const call of [
          context.invokeStructured("Hi", schema),
          context.streamStructured("Hi", schema).object,
        ])
          expect(await rejection(call)).toBeInstanceOf(InvocationTimeoutError);
        expect(await context.converse({ messages })).toMatchObject({
          stopReason: "timeout",
        });
      });
  });

  test("fail-fast keeps the text so far in the error", async () => {
    await answers("so far", "fail-fast", async ({ invoke, stream }) => {
      for (const call of [invoke("Hi"), stream("Hi").response])
        expect(await rejection(call)).toMatchObject({
          name: "InvocationTimeoutError",
          partial: { text: "so far" },
        });
    });
  });
});
