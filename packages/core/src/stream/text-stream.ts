import type { ModelRequest, ModelResponse } from "../contract/model-call.ts";
import { type PieceSource, PieceStream } from "./piece-stream.ts";
import { watching } from "./watching.ts";

/**
 * The text of an answer while it is being written. The call starts at once; iterate it one time. Leaving the loop
 * aborts the request.
 *
 * @example
 * const stream = context.stream("Tell me about {topic}.", { topic });
 * await stream.started; // rejects while a status code can still be chosen
 * for await (const text of stream) process.stdout.write(text);
 * const { usage } = await stream.response;
 */
export class TextStream extends PieceStream<string, string> {
  /** @internal */
  constructor(call: PieceSource<string, string>["call"]) {
    super({ call, read: (text) => text });
  }
}

/**
 * A stream of the text of one call.
 *
 * @param signal The caller's own.
 * @param call Makes the call with these settings.
 */
export function streamText(
  signal: AbortSignal | undefined,
  call: (
    settings: Required<Pick<ModelRequest, "signal" | "deltas" | "onDelta">>,
  ) => Promise<ModelResponse>,
): TextStream {
  return new TextStream(async (onText, ownSignal) => {
    let shown = false;
    const response = await call({
      signal: eitherSignal(signal, ownSignal),
      ...watching("text", ({ text }) => {
        shown = true;
        onText(text);
      }),
    });
    // A cache, or a provider that does not stream, answers without deltas.
    if (!shown && response.text !== "") onText(response.text);
    return response;
  });
}

/** What is no signal is left to the check of the options. */
export function eitherSignal(
  given: AbortSignal | undefined,
  own: AbortSignal,
): AbortSignal {
  return given instanceof AbortSignal ? AbortSignal.any([given, own]) : own;
}
