import {
  type DurableContext,
  StepSemantics,
} from "@aws/durable-execution-sdk-js";
import {
  JournalMismatchError,
  type Settled,
  StepFailure,
  type StepInfo,
  Suspended,
} from "@lambdallm/core";
import {
  type Entry,
  failureOf,
  type PutOff,
  type Recorder,
  type StepCall,
  StepRun,
  wordsOf,
} from "@lambdallm/core/stores";
import type { BlobStore } from "../blobs.ts";
import { answerOf, unanswered } from "./answer.ts";
import {
  type BranchRecord,
  branchRecord,
  labelOf,
  stepRecord,
  TEXT,
} from "./records.ts";
import type { Usage } from "./usage.ts";

/** What all journals of a run share; a branch counts its usage by itself. */
export interface Place {
  readonly recorder: Omit<Recorder, "start">;
  readonly usage: Usage;
  readonly blobStore: BlobStore | undefined;
  untilTimeoutMs(): number;
}

/** How a part of a program ended; what is fatal is no outcome of it. */
export type Ending<T> = Settled<T> | { readonly fatal: unknown };

export interface Question {
  readonly name: string;
  /** Of its being passed on. */
  readonly position: string;
  readonly timeoutMs: number | undefined;
  submit(token: string, info: StepInfo): Promise<void>;
}

/** The operations of a journal, in one context of the service. */
export class Operations {
  readonly #context: DurableContext;
  readonly #place: Place;

  constructor(context: DurableContext, place: Place) {
    this.#context = context;
    this.#place = place;
  }

  /** A step with all of its attempts. */
  async step(call: StepCall): Promise<unknown> {
    let putOff: PutOff | undefined;
    for (;;) {
      const entry = await this.#attempts(call, putOff);
      if (entry.status === "failed")
        throw new StepFailure({ ...entry.failure, costUsd: entry.costUsd });
      if (entry.status !== "retry") return Reflect.get(entry, "value");
      putOff = entry;
      await this.wait(call.asked.name, entry.resumeAt - Date.now());
    }
  }

  async wait(name: string, ms: number): Promise<void> {
    this.#place.usage.take(name, 1);
    await this.#context.wait(labelOf(name), secondsOf(ms));
  }

  async answer<T>(question: Question): Promise<T> {
    const { name, position, timeoutMs, submit } = question;
    const { usage } = this.#place;
    usage.take(name, 1);
    const [answer, token] = await this.#context.createCallback(labelOf(name), {
      serdes: TEXT,
      ...(timeoutMs !== undefined && { timeout: secondsOf(timeoutMs) }),
    });
    await this.step({
      position,
      asked: { kind: "ask", name },
      fn: (info) => submit(token, info),
      options: {},
    });
    const text = await answer.catch((error: unknown) => {
      throw unanswered(name, error);
    });
    usage.add(0, Buffer.byteLength(text));
    return answerOf(name, text) as T;
  }

  /** A part that has ended is not run again: its outcome is the record of its context. */
  async recorded<T>(
    name: string,
    run: (context: DurableContext, place: Place) => Promise<Ending<T>>,
  ): Promise<Settled<T>> {
    const { usage: outer } = this.#place;
    outer.take(name, 1);
    let fatal: unknown;
    let usage: Usage | undefined;
    const work = async (inner: DurableContext): Promise<BranchRecord<T>> => {
      usage = outer.branch();
      const outcome = await run(inner, { ...this.#place, usage });
      if ("fatal" in outcome) {
        fatal = outcome.fatal;
        throw fatal;
      }
      const { operations, bytes } = usage;
      return { outcome, operations, bytes };
    };
    const serdes = branchRecord<T>(name);
    const record = await this.#context
      .runInChildContext(labelOf(name), work, { serdes })
      .catch((error: unknown) => {
        throw fatal ?? error;
      });
    if (usage === undefined) outer.add(record.operations, record.bytes);
    return record.outcome;
  }

  /** Those that are made without giving the process up: one step of the service, which counts its starts. */
  async #attempts(call: StepCall, putOff: PutOff | undefined): Promise<Entry> {
    const { recorder, usage, blobStore } = this.#place;
    const { name } = call.asked;
    usage.take(name, 1);
    const prefix = `${recorder.runId}/${call.position}`;
    const { entry, error, starts, bytes } = await this.#context.step(
      labelOf(name),
      async ({ attempt }) => {
        const start = async () => attempt;
        const run = new StepRun({ ...recorder, start }, call, putOff);
        const entry = await run.next().catch((error) => failedBy(error, call));
        return { entry, starts: attempt, bytes: 0 };
      },
      {
        // The start is recorded before the work, so that a step that ends its process is counted.
        semantics: StepSemantics.AtMostOncePerRetry,
        serdes: stepRecord({ prefix, blobStore }),
        retryStrategy: (error) => this.#again(error),
      },
    );
    usage.add(starts - 1, bytes);
    if (entry === undefined) throw error;
    this.#checkSame(call, entry);
    return entry;
  }

  /** After a kill, or when there was no time left: then in the next invocation. */
  #again(error: Error) {
    const ms = Suspended.isInstance(error) ? this.#place.untilTimeoutMs() : 0;
    // Without a limit of its time, as outside of Lambda, it was something else that has put the step off.
    return {
      shouldRetry: true,
      delay: secondsOf(Number.isFinite(ms) ? ms : 0),
    };
  }

  /** The SDK compares labels, in which letters beyond ASCII are all the same. */
  #checkSame({ asked, position }: StepCall, entry: Entry): void {
    if (entry.name === asked.name) return;
    throw new JournalMismatchError(this.#place.recorder.runId, {
      position,
      recorded: wordsOf(entry),
      asked: wordsOf(asked),
    });
  }
}

/** Nothing is thrown in a step of the service but what lets it start again. */
function failedBy(error: unknown, { asked }: StepCall): Entry {
  if (Suspended.isInstance(error)) throw error;
  const failure = failureOf(error, asked.name);
  return { ...asked, status: "failed", failure };
}

/** The service waits for whole seconds. */
function secondsOf(ms: number): { seconds: number } {
  return { seconds: Math.max(1, Math.ceil(ms / 1_000)) };
}
