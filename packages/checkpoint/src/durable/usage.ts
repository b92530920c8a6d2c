import { StepFailure } from "@lambdallm/core";

export interface UsageLimits {
  readonly maxOperations: number;
  readonly maxWrittenBytes: number;
}

/** Kept free for the retries of steps that run, and for results that are on their way. */
const FREE_OPERATIONS = 20;
const FREE_BYTES = 2_000_000;

/** What a run, or a branch of it, has used of what one durable execution may. */
export class Usage {
  readonly #limits: UsageLimits;
  readonly #outer: Usage | undefined;
  operations = 0;
  bytes = 0;

  constructor(limits: UsageLimits, outer?: Usage) {
    this.#limits = limits;
    this.#outer = outer;
  }

  branch(): Usage {
    return new Usage(this.#limits, this);
  }

  add(operations: number, bytes: number): void {
    this.operations += operations;
    this.bytes += bytes;
    this.#outer?.add(operations, bytes);
  }

  /**
   * Counts operations before they begin.
   *
   * @throws {StepFailure} `RUN_TOO_LARGE`: the service would refuse them, and end the execution.
   */
  take(step: string, operations: number): void {
    const run = this.#run;
    const { maxOperations, maxWrittenBytes } = this.#limits;
    const left = maxOperations - FREE_OPERATIONS - run.operations;
    if (operations > left)
      throw tooLarge(step, `${maxOperations} operations`, run.operations);
    if (run.bytes > maxWrittenBytes - FREE_BYTES)
      throw tooLarge(step, `${maxWrittenBytes} written bytes`, run.bytes);
    this.add(operations, 0);
  }

  get #run(): Usage {
    return this.#outer === undefined ? this : this.#outer.#run;
  }
}

function tooLarge(step: string, limit: string, used: number): StepFailure {
  return new StepFailure({
    step,
    code: "RUN_TOO_LARGE",
    message: `"${step}" was not started: a durable execution may have ${limit}, and this run has used ${used} of them. Let a step do more, keep large results elsewhere, or go on in another run.`,
    statusCode: 500,
    expose: false,
    retryable: false,
  });
}
