import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import type { MiddyMiddleware } from "@lambdallm/core/feature";
import type { LocalBedrock } from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { aborted, printed } from "../../../test-support/quiet.ts";
import timeoutGuard, { type TimeoutGuardOptions } from "../src/index.ts";
import {
  feature,
  type HandlerContext,
  HOUR_MS,
  provider,
  start,
  unfinished,
} from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  local = await start({ respond: () => unfinished("One two three") });
});
beforeEach(() => {
  local.reset();
  local.setFaults(() => ({ tokenDelayMs: HOUR_MS }));
});
afterAll(() => local.close());

/** Middy gives up a second before Lambda does; its own default is 5 ms. */
const EARLY_MS = 1_000;

const forever = () => new Promise<never>(() => {});
const hangingStore = (stage: "call" | "attempt") =>
  feature(stage, "hangingStore", forever);

describe.each(middyMajors)(
  "On %s with an early timeout, a handler is answered",
  (_name, middy) => {
    const answer = async (
      options: TimeoutGuardOptions,
      features: readonly MiddyMiddleware<HandlerContext>[],
      call: (context: HandlerContext) => Promise<unknown>,
      timeoutMs = 6_000,
    ) => {
      const chain = middy<object, unknown, Error, HandlerContext>({
        timeoutEarlyInMillis: EARLY_MS,
        timeoutEarlyResponse: () => "Middy's early response",
      });
      for (const middleware of [
        provider(local),
        ...features,
        timeoutGuard(options),
      ])
        chain.use({ ...middleware });
      chain.handler(async (_event, context) =>
        call(context).catch((error: Error) => error.name),
      );
      return chain({}, new MockLambdaContext({ timeoutMs }));
    };

    test("by the guard, whatever hangs", async () => {
      const invoke = ({ invoke: call }: HandlerContext) => call("Count");
      const answers = await Promise.all([
        answer({ strategy: "truncate" }, [], invoke),
        answer({ strategy: "truncate" }, [], ({ stream }) =>
          stream("Count").response.then(({ text }) => text),
        ),
        answer({}, [], ({ stream }) => stream("Count").response),
        // The model has nothing to do with these: the backstop cuts them off.
        answer({}, [hangingStore("call")], invoke),
        answer({}, [hangingStore("attempt")], invoke),
        answer({ strategy: "truncate" }, [hangingStore("attempt")], invoke),
      ]);
      expect(answers).toEqual([
        "One two three",
        "One two three",
        "InvocationTimeoutError",
        "InvocationTimeoutError",
        "InvocationTimeoutError",
        "InvocationTimeoutError",
      ]);
    });

    test("by Middy, when its early timeout comes before the guard's deadline", async () => {
      const answered = await answer(
        { bufferMs: 500 },
        [],
        ({ stream }) => stream("Count").response,
        2_500,
      );
      expect(answered).toBe("Middy's early response");
      expect(printed()).toEqual([aborted(1)]);
    });
  },
);
