import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { invocationOf } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { aborted, printed } from "../../../test-support/quiet.ts";
import { before, hangingProvider, run, settled } from "./support.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each(middyMajors)("the end of an invocation on %s", (_name, middy) => {
  test("runs the finalizers one after the other, the last one added first, and once", async () => {
    const trace: string[] = [];
    const finalizer = (name: string) => async () => {
      trace.push(`${name} begins`);
      await settled();
      trace.push(`${name} ends`);
    };
    const context = new MockLambdaContext();
    const closing = await run(
      middy,
      [new MockProvider().middleware()],
      async (given) => {
        const invocation = invocationOf(given);
        invocation.addFinalizer(finalizer("first"));
        invocation.addFinalizer(finalizer("second"));
        return () => invocation.close();
      },
      context,
    );
    const expected = [
      "second begins",
      "second ends",
      "first begins",
      "first ends",
    ];
    expect(trace).toEqual(expected);
    await closing();
    expect(trace).toEqual(expected);
  });

  test("turns the failure of a finalizer into a process warning and runs the others", async () => {
    const warnings = jest.spyOn(process, "emitWarning").mockReturnValue();
    const trace: string[] = [];
    const answer = await run(
      middy,
      [new MockProvider().middleware()],
      async (context) => {
        const invocation = invocationOf(context);
        invocation.addFinalizer(() => trace.push("runs"));
        invocation.addFinalizer(() => {
          throw new Error("flush");
        });
        invocation.addFinalizer(async () => {
          throw new Error("async flush");
        });
        return "answer";
      },
    );
    expect(answer).toBe("answer");
    expect(trace).toEqual(["runs"]);
    expect(warnings.mock.calls).toEqual([
      ["A finalizer failed: async flush", "LambdaLLMWarning"],
      ["A finalizer failed: flush", "LambdaLLMWarning"],
    ]);
  });

  test("waits until what was in flight is over, and only then flushes", async () => {
    const trace: string[] = [];
    const { middleware } = hangingProvider();
    await run(
      middy,
      [
        middleware,
        before(async ({ context }) => {
          const invocation = invocationOf(context);
          invocation.addFinalizer(() => trace.push("flushed"));
          invocation.intercept("call", "settle", async (request, next) => {
            try {
              return await next(request);
            } finally {
              await settled();
              trace.push("settled");
            }
          });
        }),
      ],
      async ({ invoke }) => {
        void invoke("Hi");
      },
    );
    expect(trace).toEqual(["settled", "flushed"]);
    expect(printed()).toEqual([aborted(1)]);
  });
});
