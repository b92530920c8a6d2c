import { type PieceSource, PieceStream } from "./piece-stream.ts";

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
