import { randomBytes } from "node:crypto";
import { ConfigurationError } from "@lambdallm/core";
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

const METHODS = [
  "generateTraceId",
  "generateSpanId",
] as const satisfies readonly (keyof IdGenerator)[];

/**
 * Makes the ids of a run's spans follow from its id, so that all the invocations that work on it make one trace whose outermost spans
 * have no parent. All other ids are as before.
 *
 * @example
 * const provider = new TracerProvider({ idGenerator: new RunIdGenerator(), spanProcessors });
 */
export class RunIdGenerator implements IdGenerator {
  readonly #others: IdGenerator;

  /**
   * @param others Makes the ids of all other spans. @default random ones
   * @throws {ConfigurationError} It is no generator: the first span, wherever it is made, would fail.
   */
  constructor(others: IdGenerator = randomIds) {
    for (const name of METHODS)
      if (typeof Reflect.get(Object(others), name) !== "function")
        throw new ConfigurationError(
          `RunIdGenerator: the argument must be an object with the methods ${METHODS.join(" and ")}.`,
        );
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
