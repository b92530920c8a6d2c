import { jest } from "@jest/globals";
import { type LLMContext, Model, ModelInvocationError } from "@lambdallm/core";
import {
  type InvocationEvents,
  invocationOf,
  type MiddyMiddleware,
  type ModelFailure,
} from "@lambdallm/core/feature";
import retryFallback, {
  type RetryFallbackOptions,
} from "@lambdallm/retry-fallback";
import {
  MockLambdaContext,
  MockProvider,
  type MockResponse,
} from "@lambdallm/testing";
import type { middyMajors } from "../../../test-support/middy.ts";

export type Middy = (typeof middyMajors)[number][1];

/** What the mock's middleware asks for. */
export const FIRST = Model.CLAUDE_HAIKU_4_5;
export const SECOND = Model.NOVA_LITE;
export const THIRD = Model.NOVA_PRO;

const TRANSIENT: readonly string[] = [
  "throttled",
  "unavailable",
  "model-failed",
  "interrupted",
  "connection",
];

export function failure(
  reason: string,
  facts: Partial<ModelFailure> = {},
): ModelInvocationError {
  return new ModelInvocationError(`The model failed: ${reason}.`, {
    reason,
    model: FIRST,
    retryable: TRANSIENT.includes(reason),
    ...facts,
  });
}

/** Answers by the model that is asked. */
export const byModel =
  (answers: Readonly<Record<string, MockResponse>>): MockResponse =>
  ({ model }) =>
    answers[model] ?? failure("invalid-request", { model });

export interface Scene {
  readonly responses?: readonly MockResponse[];
  readonly options?: RetryFallbackOptions;
  /** Lambda's timeout; calls end half a second before. */
  readonly timeoutMs?: number;
  readonly model?: MockProvider;
  /** Between the provider and the retries. */
  readonly others?: readonly MiddyMiddleware[];
}

export type Heard = {
  [Name in keyof InvocationEvents]: readonly [Name, InvocationEvents[Name]];
}["retry" | "fallback" | "circuit"];

/** Runs a handler whose model does what the scene says; tells what came of it, what was asked and what happened. */
export async function play<Result>(
  middy: Middy,
  scene: Scene,
  handler: (context: LLMContext) => Promise<Result>,
) {
  const { responses = ["ok"], options = {}, timeoutMs = 60_000 } = scene;
  const model = scene.model ?? new MockProvider({ responses });
  const asked: string[] = [];
  const askedAt: number[] = [];
  const events: Heard[] = [];
  const listen: MiddyMiddleware = {
    before: async ({ context }) => {
      const invocation = invocationOf(context);
      for (const name of ["retry", "fallback", "circuit"] as const)
        invocation.events.on(name, (event) => {
          // The name and the event belong together.
          events.push([name, event] as unknown as Heard);
        });
      invocation.events.on("attempt-start", ({ request }) => {
        asked.push(request.model);
        askedAt.push(Date.now());
      });
    },
  };
  const run = middy({ timeoutEarlyInMillis: 0 })
    .use(model.middleware())
    .use({ ...listen })
    .use([...(scene.others ?? [])])
    .use(retryFallback(options))
    .handler(async (_event, context) => ({
      result: await handler(context),
    }));
  const running = run({}, new MockLambdaContext({ timeoutMs }));
  const [outcome] = await Promise.allSettled([running]);
  return {
    result: outcome.status === "fulfilled" ? outcome.value.result : undefined,
    error: outcome.status === "rejected" ? outcome.reason : undefined,
    asked,
    askedAt,
    events,
    model,
  };
}

export const hello = async ({ invoke }: Pick<LLMContext, "invoke">) =>
  invoke("Hello");

/** The events of one name. */
export function heard<Name extends Heard[0]>(
  events: readonly Heard[],
  name: Name,
) {
  return events.flatMap(([heardName, event]) =>
    // The pairs are made in one place, `play`.
    heardName === name ? [event as InvocationEvents[Name]] : [],
  );
}

/** Only what tells the time is faked: promises and Node's own queues go on. */
export function fakeClock(): void {
  jest.useFakeTimers({
    now: 1_000_000,
    doNotFake: ["nextTick", "queueMicrotask", "setImmediate"],
  });
}

/** Lets the time pass until a promise has settled. */
export async function timePasses<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const end = () => {
    settled = true;
  };
  promise.then(end, end);
  await jest.advanceTimersByTimeAsync(0);
  while (!settled) await jest.advanceTimersToNextTimerAsync();
  return promise;
}
