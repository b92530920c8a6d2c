import type { ServiceErrorExtra, ServiceErrorName } from "./service-error.ts";
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

/** Hands out the fault of each request in turn. */
export class FaultScript {
  readonly #faults: Faults;
  #index = 0;

  constructor(faults: Faults = []) {
    if (typeof faults !== "function" && !Array.isArray(faults))
      throw new TypeError("faults must be an array or a function");
    this.#faults =
      typeof faults === "function" ? faults : faults.flatMap(repeated);
  }

  next(request: RecordedRequest): Fault {
    const index = this.#index++;
    const fault =
      typeof this.#faults === "function"
        ? this.#faults(request, index)
        : this.#faults[index];
    return fault ?? {};
  }
}

function repeated(
  fault: Fault | undefined | null,
): (Fault | undefined | null)[] {
  const repeat = fault?.repeat ?? 1;
  if (!Number.isInteger(repeat) || repeat < 1)
    throw new RangeError(
      `repeat of a fault must be a whole number above 0, not ${repeat}`,
    );
  return Array.from({ length: repeat }, () => fault);
}
