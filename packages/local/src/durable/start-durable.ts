import http from "node:http";
import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { milliseconds, validateMembers, wholeNumberFrom } from "../checks.ts";
import { startServer } from "../http-server.ts";
import { DurableApi } from "./api.ts";
import {
  type DurableInvoke,
  Execution,
  type LocalExecution,
} from "./execution.ts";
import type { DurableLimits } from "./ledger.ts";

export interface StartDurableOptions {
  /**
   * Runs the function once: `(event, { context }) => handler(event, context)`, or in a process of its own. What it rejects with is a
   * failed invocation, which is repeated.
   */
  readonly invoke: DurableInvoke;
  /**
   * Waits, retries and the back-off after failed invocations pass at once, when the function is not running. Callbacks do not time
   * out sooner by it.
   *
   * @default false
   */
  readonly skipTime?: boolean;
  /** 0 takes a free one. @default 0 */
  readonly port?: number;
  /** @default "127.0.0.1" */
  readonly host?: string;
  /** @default "local" */
  readonly functionName?: string;
  /** The function's timeout, that of one invocation. @default 900_000 */
  readonly timeoutMs?: number;
  /** Of a whole execution; skipped time counts. @default 86_400 */
  readonly executionTimeoutSeconds?: number;
  /** Other limits than the service's, such as smaller ones for tests of what comes near to them. */
  readonly limits?: DurableLimits;
}

/** Running durable functions. */
export interface LocalDurable extends AsyncDisposable {
  /** For `AWS_ENDPOINT_URL_LAMBDA`, or a client's `endpoint`. */
  readonly url: string;
  readonly port: number;
  /** All executions, in the order of their start. */
  readonly executions: readonly LocalExecution[];
  /**
   * Starts an execution; the first invocation begins after this has returned.
   *
   * @throws an `InvalidParameterValueException` for an input of more than a megabyte.
   */
  start(input?: unknown): LocalExecution;
  /** Completes a callback with a value, which is sent as JSON. */
  answer(callbackId: string, value: unknown): void;
  /** Completes a callback with an error. */
  reject(callbackId: string, error: Error): void;
  /** Lets a callback time out now. */
  expire(callbackId: string): void;
  /** Stops every execution and the server. */
  close(): Promise<void>;
}

const checks: Readonly<Record<keyof StartDurableOptions, OptionCheck>> = {
  invoke: check.function,
  skipTime: check.boolean,
  port: wholeNumberFrom(0, 65_535),
  host: check.text,
  functionName: check.text,
  timeoutMs: milliseconds,
  executionTimeoutSeconds: wholeNumberFrom(1, 31_622_400),
  limits: check.object,
};

const limitChecks: Readonly<Record<keyof DurableLimits, OptionCheck>> = {
  resultBytes: check.positiveInteger,
  operations: check.positiveInteger,
  writtenBytes: check.positiveInteger,
};

/**
 * Starts the service behind AWS Lambda durable functions: it keeps the operations of each execution, invokes the function, and
 * invokes it again after waits, retries, callbacks and invocations that failed. The durable execution SDK finds it by
 * `AWS_ENDPOINT_URL_LAMBDA`.
 *
 * @throws {ConfigurationError} naming the option that does not exist, is missing or has a wrong value.
 * @example
 * ```ts
 * import { startDurable } from "@lambdallm/local";
 *
 * await using durable = await startDurable({
 *   invoke: async (event, { context }) => handler(event, context),
 *   skipTime: true,
 * });
 * const { status, result } = await durable.start({ name: "Ada" }).result;
 * ```
 */
export async function startDurable(
  options: StartDurableOptions,
): Promise<LocalDurable> {
  validateOptions("startDurable", checks, options, ["invoke"]);
  const limits = options.limits ?? {};
  validateMembers("startDurable limits", limitChecks, limits, []);
  const executions: Execution[] = [];
  const api = new DurableApi(executions);
  const server = await startServer(
    http.createServer(
      (request, response) => void api.handle(request, response),
    ),
    options,
  );
  const close = async () => {
    for (const execution of executions) execution.stop();
    await server.close();
  };
  return {
    url: server.url,
    port: server.port,
    executions,
    start: (input) => {
      const execution = new Execution(input, {
        invoke: options.invoke,
        functionName: options.functionName ?? "local",
        skipTime: options.skipTime ?? false,
        timeoutMs: options.timeoutMs ?? 900_000,
        executionTimeoutSeconds: options.executionTimeoutSeconds ?? 86_400,
        limits,
      });
      executions.push(execution);
      return execution;
    },
    answer: (callbackId, value) =>
      void api.succeed(callbackId, JSON.stringify(value) ?? "null"),
    reject: (callbackId, { name, message }) =>
      void api.fail(callbackId, { ErrorType: name, ErrorMessage: message }),
    expire: (callbackId) => api.expire(callbackId),
    close,
    [Symbol.asyncDispose]: close,
  };
}
