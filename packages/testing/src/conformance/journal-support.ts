import assert from "node:assert/strict";
import {
  type Journal,
  StepFailure,
  Suspended,
  type WaitingFor,
} from "@lambdallm/core";

/** What the cases of a journal work with. */
export interface JournalTools {
  startRun(program: (journal: Journal) => Promise<unknown>): Promise<Run>;
}

interface Run {
  run(): Promise<
    | { readonly value: unknown }
    | { readonly error: unknown }
    | { readonly waitingFor: readonly WaitingFor[] }
  >;
  answer(token: string, answer: string | boolean | number): Promise<void>;
}

/** Asks nothing of anybody: the answer comes from the case. */
export const nobody = async (): Promise<void> => {};

/**
 * What a part of a program gives when it runs, and when everything it does is recorded already: the run waits for an answer
 * behind it, and runs from its top when the answer is there.
 */
export async function twice<T>(
  { startRun }: JournalTools,
  part: (journal: Journal) => Promise<T>,
): Promise<readonly [first: T, again: T]> {
  const seen: T[] = [];
  const run = await startRun(async (journal) => {
    seen.push(await part(journal));
    await journal.ask("again", nobody);
  });
  const [question] = await waitingFor(run);
  const first = seen.at(-1) as T; // The part has come to its end: the run waits behind it.
  await run.answer(String(question?.token), true);
  assert.ok("value" in (await run.run()), "the run ends when it is answered");
  return [first, seen.at(-1) as T];
}

/** Runs until only answers help. */
export async function waitingFor(run: Run): Promise<readonly WaitingFor[]> {
  const ending = await run.run();
  assert.ok("waitingFor" in ending, "the run waits for an answer");
  return ending.waitingFor;
}

/** The value of a run that ends at once. */
export async function resultOf(
  { startRun }: JournalTools,
  program: (journal: Journal) => Promise<unknown>,
): Promise<unknown> {
  const ending = await (await startRun(program)).run();
  assert.ok("value" in ending, "the run ends with a value");
  return ending.value;
}

/** What can be seen of the failure of a step. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<Record<string, unknown>> {
  const error: unknown = await promise.then(
    () => assert.fail("the step fails"),
    (reason: unknown) => reason,
  );
  // It is not the failure of anything.
  if (Suspended.isInstance(error)) throw error;
  return describe(error);
}

export function describe(error: unknown): Record<string, unknown> {
  assert.ok(StepFailure.isInstance(error), "it fails with a StepFailure");
  const { name, step, code, message, statusCode } = error;
  const { expose, retryable, data, costUsd } = error;
  return {
    ...{ name, step, code, message, statusCode },
    ...{ expose, retryable, data, costUsd },
  };
}

/** Resolves when so many have come here. */
export function gate(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    come += 1;
    if (come === count) resolve();
    return promise;
  };
}
