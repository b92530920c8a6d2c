import { types } from "node:util";
import { ConfigurationError } from "@lambdallm/core";
import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { milliseconds, validateMembers } from "../checks.ts";
import {
  type ServiceErrorExtra,
  type ServiceErrorName,
  serviceErrorChecks,
} from "./service-error.ts";
import type { RecordedRequest } from "./types.ts";

/** Something that goes wrong with one request. Members combine: a slow start and a cut, an error with a header. */
export interface Fault extends ServiceErrorExtra {
  /** Answers with this error: status, headers and message as the service sends them. */
  readonly error?: ServiceErrorName;
  /** HTTP status. @default that of `error`, else 500 for a fault with a `body`, else 200 */
  readonly status?: number;
  /** Message of `error`. */
  readonly message?: string;
  /** Sent as `retry-after`. */
  readonly retryAfterSeconds?: number;
  /** Added to the answer's headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole body as it is, such as the HTML page of a proxy. */
  readonly body?: string;
  /** Wait before the answer. */
  readonly latencyMs?: number;
  /** Wait before each event of a stream but the first. */
  readonly tokenDelayMs?: number;
  /**
   * Destroys the connection: `before` any answer, after the `headers`, in the middle of the `body`, or `after` the
   * whole of it. A stream's body is cut after `afterEvents` events.
   */
  readonly cut?: "before" | "headers" | "body" | "after";
  /** Events of a stream before `cut: "body"` or `garbage`. @default 1 for a cut, 0 for garbage */
  readonly afterEvents?: number;
  /** With `cut: "body"`: half of the next frame is sent first. */
  readonly midFrame?: boolean;
  /** Sends bytes that are no event frame, or no JSON. */
  readonly garbage?: boolean;
  /** Status 200 and a stream without events. */
  readonly emptyStream?: boolean;
  /** Ends the stream with an exception frame; the service writes the name with a small first letter. */
  readonly streamError?: {
    readonly name: string;
    readonly message?: string;
    readonly extra?: Readonly<Record<string, unknown>>;
    /** @default 0 */
    readonly afterEvents?: number;
  };
  /** Ends the stream with a frame of `:message-type` error. */
  readonly errorFrame?: {
    readonly code: string;
    readonly message?: string;
    /** @default 0 */
    readonly afterEvents?: number;
  };
  /** Ends the stream cleanly after this many events, without `messageStop`. */
  readonly endAfterEvents?: number;
  /** Leaves out the last event, which has the usage. */
  readonly withoutMetadata?: boolean;
  /** In an array: the fault holds for this many requests. @default 1 */
  readonly repeat?: number;
}

/**
 * The fault of each model request: an array, whose entries are used up one by one, or a function of the request and
 * its number, counted from 0. Undefined and null mean healthy.
 */
export type Faults =
  | readonly (Fault | undefined | null)[]
  | ((request: RecordedRequest, index: number) => Fault | undefined | null);

const { name: error, ...extraChecks } = serviceErrorChecks;

const checks: Readonly<Record<keyof Fault, OptionCheck>> = {
  error,
  ...extraChecks,
  headers: check.textRecord,
  body: check.string,
  latencyMs: milliseconds,
  tokenDelayMs: milliseconds,
  cut: check.oneOf("before", "headers", "body", "after"),
  afterEvents: check.wholeNumber,
  midFrame: check.boolean,
  garbage: check.boolean,
  emptyStream: check.boolean,
  streamError: check.object,
  errorFrame: check.object,
  endAfterEvents: check.wholeNumber,
  withoutMetadata: check.boolean,
  repeat: check.positiveInteger,
};

const streamErrorChecks = {
  name: check.text,
  message: check.string,
  extra: check.object,
  afterEvents: check.wholeNumber,
};

const errorFrameChecks = {
  code: check.text,
  message: check.string,
  afterEvents: check.wholeNumber,
};

export const faultsCheck: OptionCheck = (value) =>
  typeof value === "function" || Array.isArray(value)
    ? undefined
    : "an array or a function";

/** @throws {ConfigurationError} A fault that cannot happen would make a test that tests nothing. */
function checkFault(owner: string, fault: Fault | undefined | null): void {
  if (fault === undefined || fault === null) return;
  if (types.isPromise(fault))
    throw new ConfigurationError(
      `${owner}: the function must return a fault, not a promise of one.`,
    );
  validateOptions(owner, checks, fault);
  const { streamError, errorFrame } = fault;
  if (streamError !== undefined)
    validateMembers(`${owner}.streamError`, streamErrorChecks, streamError, [
      "name",
    ]);
  if (errorFrame !== undefined)
    validateMembers(`${owner}.errorFrame`, errorFrameChecks, errorFrame, [
      "code",
    ]);
}

/** Hands out the fault of each request in turn. */
export class FaultScript {
  readonly #faults: Faults;
  #index = 0;

  /** @throws {ConfigurationError} for an array with a fault that cannot happen. */
  constructor(faults: Faults = []) {
    validateOptions("setFaults", { faults: faultsCheck }, { faults });
    if (typeof faults === "function") {
      this.#faults = faults;
      return;
    }
    for (const [index, fault] of faults.entries())
      checkFault(`faults[${index}]`, fault);
    this.#faults = faults.flatMap((fault) =>
      Array.from({ length: fault?.repeat ?? 1 }, () => fault),
    );
  }

  /** @throws {ConfigurationError} when the function returns a fault that cannot happen. */
  next(request: RecordedRequest): Fault {
    const index = this.#index++;
    if (typeof this.#faults !== "function") return this.#faults[index] ?? {};
    const fault = this.#faults(request, index);
    checkFault("faults()", fault);
    return fault ?? {};
  }
}
