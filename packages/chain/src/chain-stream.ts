import { PieceStream } from "@lambdallm/core/feature";
import type { ChainResult } from "./result.ts";
import type { StepEvent } from "./run-types.ts";

/**
 * The text of a chain's last step while it is written, and between its pieces what becomes of the steps. What the last step gives
 * that is no text comes as JSON. The run starts at once; iterate it one time. Leaving the loop aborts the run. A chain that fails
 * ends the iteration with the error of its step.
 *
 * @example
 * const stream = report.stream(context, { text });
 * return { statusCode: 200, body: toResponseBody(stream, { format: "sse" }) };
 */
export class ChainStream<
  Outputs extends object = Record<string, unknown>,
  Final = unknown,
> extends PieceStream<
  string | StepEvent,
  string | StepEvent,
  ChainResult<Outputs, Final>
> {
  /** How the chain has ended. Rejects as the iteration does. */
  readonly result: Promise<ChainResult<Outputs, Final>>;

  /** @internal */
  constructor(
    run: (
      show: (piece: string | StepEvent) => void,
      signal: AbortSignal,
    ) => Promise<ChainResult<Outputs, Final>>,
  ) {
    super({
      read: (piece) => piece,
      call: async (show, signal) => {
        const result = await run(show, signal);
        if (result.status === "failed") throw result.error;
        return result;
      },
    });
    this.result = this.response;
  }

  /** The text alone, for a body in the format `text`. It is read in place of the stream itself. */
  get text(): AsyncIterable<string> {
    const pieces = this[Symbol.asyncIterator].bind(this);
    return {
      [Symbol.asyncIterator]() {
        const iterator = pieces();
        return {
          async next() {
            for (;;) {
              const { done, value } = await iterator.next();
              if (done) return { done, value: undefined };
              if (typeof value === "string") return { done: false, value };
            }
          },
          async return() {
            await iterator.return?.();
            return { done: true, value: undefined };
          },
        };
      },
    };
  }
}
