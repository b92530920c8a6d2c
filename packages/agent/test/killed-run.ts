import { readFile, writeFile } from "node:fs/promises";
import { startWorker, type Worker } from "../../../test-support/worker.ts";
import { stepAt } from "./fixtures/clerk-model.ts";

const PROGRAM = new URL("fixtures/clerk-worker.ts", import.meta.url);

/** One process of a run. */
export interface Delivery {
  /** The steps that were recorded before it was started. */
  readonly recorded: ReadonlySet<string>;
  /** The steps that have called a model in it, and those that have called a tool. */
  readonly modelCalls: readonly string[];
  readonly toolCalls: readonly string[];
  readonly wasKilled: boolean;
}

export interface RunOptions {
  /** Where each call of a tool is a line. */
  readonly file: string;
  readonly bedrockUrl: string;
  /** After which model call of the run a process is killed, and how many milliseconds after it. */
  readonly kills: ReadonlyMap<number, number>;
}

/** A run of the clerk, in as many processes as it takes. */
export class KilledRun {
  readonly deliveries: Delivery[] = [];
  readonly #options: RunOptions;
  #worker: Worker | undefined;
  #modelCalls: string[] = [];
  #count = 0;

  private constructor(options: RunOptions) {
    this.#options = options;
  }

  static async begin(options: RunOptions): Promise<KilledRun> {
    await writeFile(options.file, "");
    return new KilledRun(options);
  }

  /** To be told of each model call before it is answered. */
  modelCalled(step: string): void {
    this.#modelCalls.push(step);
    this.#count += 1;
    const waitMs = this.#options.kills.get(this.#count);
    const worker = this.#worker;
    if (waitMs === 0) worker?.kill();
    else if (waitMs !== undefined) setTimeout(() => worker?.kill(), waitMs);
  }

  /** What a process has answered; undefined when it was killed. */
  async deliver(
    event: object,
    recorded: ReadonlySet<string>,
    env: Readonly<Record<string, string>>,
  ): Promise<unknown> {
    const { bedrockUrl, file } = this.#options;
    const before = await this.#toolCalls();
    this.#modelCalls = [];
    const modelCalls = this.#modelCalls;
    this.#worker = startWorker(PROGRAM, event, {
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: bedrockUrl,
      CALLS_FILE: file,
      ...env,
    });
    const answer = await this.#worker.answer;
    const toolCalls = (await this.#toolCalls()).slice(before.length);
    const wasKilled = answer === undefined;
    this.deliveries.push({ recorded, modelCalls, toolCalls, wasKilled });
    return answer;
  }

  async #toolCalls(): Promise<readonly string[]> {
    const text = await readFile(this.#options.file, "utf8");
    // The name, and the key, which ends with the position.
    return Array.from(text.matchAll(/^(\S+) .*\/([\d.]+)$/gm), (line) =>
      stepAt(String(line[2]), String(line[1])),
    );
  }
}
