import { randomBytes } from "node:crypto";
import {
  type Branch,
  type Journal,
  type Settled,
  type StepInfo,
  type StepOptions,
  Suspended,
} from "../contract/journal.ts";
import {
  type Asked,
  answerPosition,
  type Entry,
  positionOf,
  submitPosition,
} from "./entry.ts";
import { askTimeout, failed } from "./failure.ts";
import {
  checkBranches,
  checkDuration,
  checkName,
  checkWork,
  refuseNested,
} from "./journal-checks.ts";
import { Positions } from "./positions.ts";
import type { Recorder } from "./recorder.ts";
import { runBranches } from "./run-branches.ts";
import { type RunOver, runOver } from "./run-over.ts";
import { Running } from "./running.ts";
import { type StepCall, StepRun } from "./step-run.ts";
import { joined } from "./suspension.ts";

/** What the journals of a run share. */
interface Run {
  readonly positions: Positions;
  /** Why nothing more can be done of it here, whatever the program makes of it. */
  over?: RunOver | undefined;
}

/** A journal in this process, on whatever records it. A run has one at its root, and each branch has one of its own. */
export class RecordedJournal implements Journal {
  readonly runId: string;
  readonly #recorder: Recorder;
  readonly #run: Run;
  readonly #prefix: string;
  readonly #running = new Running();
  #asked = 0;
  #suspended: Suspended | undefined;

  constructor(
    recorder: Recorder,
    run: Run = { positions: new Positions(recorder) },
    prefix = "",
  ) {
    this.runId = recorder.runId;
    this.#recorder = recorder;
    this.#run = run;
    this.#prefix = prefix;
  }

  /** Why the run cannot go on, once the program was told so, whatever it made of it; undefined when it has ended with an error. */
  get suspended(): Suspended | undefined {
    return this.#run.over === undefined ? this.#suspended : undefined;
  }

  /** Waits for what was started and nobody awaits any more. */
  idle(): Promise<void> {
    return this.#running.idle();
  }

  /**
   * To be called when the program has come to its end.
   *
   * @throws {JournalMismatchError} A step was recorded that it has not asked for.
   * @throws What has ended the run before, such as a StoreError: the program has swallowed it.
   */
  checkEnd(): void {
    this.#refuseOver();
    this.#run.positions.checkEnd();
  }

  step<T>(
    name: string,
    fn: (info: StepInfo) => Promise<T>,
    options: StepOptions = {},
  ): Promise<T> {
    const asked = { kind: "step", name } as const;
    return this.#take(asked, async (position) => {
      checkWork(asked, fn, options);
      return this.#step({ position, asked, fn, options });
    });
  }

  all<T>(
    name: string,
    branches: readonly Branch<T>[],
    options: { readonly concurrency?: number | undefined } = {},
  ): Promise<Settled<T>[]> {
    return this.#take({ kind: "all", name }, async (position) => {
      checkBranches(name, branches, options);
      const parts = branches.map((branch, index) => {
        const prefix = `${positionOf(`${position}.`, index + 1)}.`;
        const journal = new RecordedJournal(this.#recorder, this.#run, prefix);
        return { branch, journal };
      });
      const { runId, signal } = this.#recorder;
      const { concurrency } = options;
      return runBranches({ runId, name, parts, concurrency, signal });
    });
  }

  sleep(name: string, ms: number): Promise<void> {
    const asked = { kind: "sleep", name } as const;
    return this.#take(asked, async (position) => {
      checkDuration(name, ms);
      const entry = await this.#recordOnce(position, () => ({
        ...asked,
        status: "asleep",
        resumeAt: this.#recorder.now() + ms,
      }));
      await this.#waitUntil(entry);
    });
  }

  ask<T>(
    name: string,
    submit: (token: string, info: StepInfo) => Promise<void>,
    options: { readonly timeoutMs?: number | undefined } = {},
  ): Promise<T> {
    const asked = { kind: "ask", name } as const;
    const { timeoutMs } = options;
    return this.#take(asked, async (position) => {
      checkWork(asked, submit, options);
      if (timeoutMs !== undefined) checkDuration(name, timeoutMs);
      const question = await this.#recordOnce(position, () => ({
        ...asked,
        status: "waiting",
        // The caller may know the run's id: only who is handed the token can answer.
        token: `${this.runId}.${position}.${randomBytes(16).toString("base64url")}`,
        until:
          timeoutMs === undefined
            ? undefined
            : this.#recorder.now() + timeoutMs,
      }));
      const answered = await this.#answer(position, question, submit);
      if (answered.status === "failed") throw failed(answered);
      return structuredClone(Reflect.get(answered, "value")) as T;
    });
  }

  /** A position is taken before anything is awaited: what is started together keeps its order. */
  #take<T>(asked: Asked, run: (position: string) => Promise<T>): Promise<T> {
    return this.#running.add(this.#taken(asked, run));
  }

  async #taken<T>(
    asked: Asked,
    run: (position: string) => Promise<T>,
  ): Promise<T> {
    refuseNested(this.runId, asked);
    this.#refuseOver();
    if (this.#suspended) throw this.#suspended;
    checkName(asked);
    this.#asked += 1;
    const position = positionOf(this.#prefix, this.#asked);
    try {
      this.#run.positions.take(position, asked);
      return await run(position);
    } catch (error) {
      if (Suspended.isInstance(error))
        this.#suspended = joined(this.runId, [this.#suspended, error]);
      else this.#run.over ??= runOver(error, this.#recorder.signal);
      throw error;
    }
  }

  #refuseOver(): void {
    if (this.#run.over !== undefined) throw this.#run.over.error;
  }

  async #step<T>(call: StepCall): Promise<T> {
    const run = new StepRun(this.#recorder, call);
    for (;;) {
      const entry = await run.next();
      if (entry.status === "failed") throw failed(entry);
      if (entry.status === "retry") {
        await this.#waitUntil(entry);
        continue;
      }
      // What was recorded stays as it is, whatever the program does to what it gets.
      return structuredClone(Reflect.get(entry, "value")) as T;
    }
  }

  /** What was recorded at this position, or is now. */
  async #recordOnce(position: string, make: () => Entry): Promise<Entry> {
    const known = this.#recorder.entries.get(position);
    if (known !== undefined) return known;
    const started = await this.#recorder.start(position);
    if (typeof started !== "number") return started;
    const entry = make();
    await this.#recorder.record(position, entry);
    return entry;
  }

  async #waitUntil(entry: Entry): Promise<void> {
    const resumeAt = Number(Reflect.get(entry, "resumeAt"));
    const { signal } = this.#recorder;
    const ms = resumeAt - this.#recorder.now();
    if (ms <= 0) return;
    if (!this.#recorder.canWait(ms))
      throw new Suspended(this.runId, { resumeAt });
    await this.#recorder.wait(ms);
    signal?.throwIfAborted();
  }

  async #answer(
    position: string,
    question: Entry,
    submit: (token: string, info: StepInfo) => Promise<void>,
  ): Promise<Entry> {
    const { kind, name } = question;
    const token = String(Reflect.get(question, "token"));
    const until: unknown = Reflect.get(question, "until");
    const at = answerPosition(position);
    const known = this.#recorder.entries.get(at);
    if (known !== undefined) return known;
    await this.#step({
      position: submitPosition(position),
      asked: { kind, name },
      fn: (info) => submit(token, info),
      options: {},
    });
    const value = await this.#recorder.answer({ name, token });
    if (value !== undefined || this.#recorder.entries.has(at))
      return this.#recordOnce(at, () => ({
        kind,
        name,
        status: "done",
        value,
      }));
    if (typeof until === "number" && until <= this.#recorder.now())
      return this.#recordOnce(at, () => ({
        kind,
        name,
        status: "failed",
        failure: askTimeout(name),
      }));
    throw new Suspended(this.runId, {
      waitingFor: [{ name, token }],
      ...(typeof until === "number" && { resumeAt: until }),
    });
  }
}
