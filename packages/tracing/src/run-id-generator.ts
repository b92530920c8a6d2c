import { randomBytes } from "node:crypto";
import { context } from "@opentelemetry/api";
import { takeId, useRunIds } from "./run-ids.ts";
import { runTraceIn } from "./run-trace.ts";

/** As OpenTelemetry's SDK wants one. */
export interface IdGenerator {
  generateTraceId(): string;
  generateSpanId(): string;
}

const randomIds: IdGenerator = {
  generateTraceId: () => randomBytes(16).toString("hex"),
  generateSpanId: () => randomBytes(8).toString("hex"),
};

/**
 * Makes the ids of a run's spans follow from its id, so that all the invocations that work on it make one trace whose outermost spans
 * have no parent. All other ids are as before.
 *
 * @example
 * const provider = new TracerProvider({ idGenerator: new RunIdGenerator(), spanProcessors });
 */
export class RunIdGenerator implements IdGenerator {
  readonly #others: IdGenerator;

  /** @param others Makes the ids of all other spans. @default random ones */
  constructor(others: IdGenerator = randomIds) {
    this.#others = others;
    useRunIds(true);
  }

  generateTraceId(): string {
    return (
      takeId("traceId") ??
      runTraceIn(context.active())?.traceId ??
      this.#others.generateTraceId()
    );
  }

  generateSpanId(): string {
    return takeId("spanId") ?? this.#others.generateSpanId();
  }
}
