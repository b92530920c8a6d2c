import { ConfigurationError, type Suspended } from "@lambdallm/core";
import type { CheckpointJournal } from "../checkpoint-journal.ts";
import { DurableJournal } from "./durable-journal.ts";

/** The journal of an invocation, for the middleware. How the run ends is the service's business. */
export class DurableRun extends DurableJournal implements CheckpointJournal {
  readonly suspended = undefined;
  readonly finished = undefined;
  /** Nobody resumes it by its id. */
  readonly begun = false;

  complete(): Promise<void> {
    return this.idle();
  }

  fail(): Promise<void> {
    return this.idle();
  }

  leave(): Promise<void> {
    return this.idle();
  }

  /** @throws {ConfigurationError} The SDK suspends an execution in its own operations only. */
  async suspend(suspended?: Suspended): Promise<never> {
    throw new ConfigurationError(
      "checkpoint: a model call outside of the journal's steps had no time left, and a durable execution cannot go on there: put it into a step.",
      { cause: suspended },
    );
  }
}
