import type { ModelResponse } from "../contract/model-call.ts";
import { PieceStream } from "./piece-stream.ts";

/** A value that is still being written: any field may be missing, any text or list may still grow. */
export type Growing<Value> = Value extends readonly (infer Item)[]
  ? readonly Growing<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]?: Growing<Value[Key]> }
    : Value;

/**
 * The growing value of an answer, and at its end the validated one. A slow reader gets the newest state only. The call
 * starts at once; iterate it one time. Leaving the loop aborts the request. There is no repair once pieces were seen: an
 * answer that does not validate ends the iteration with StructuredOutputError.
 *
 * @example
 * const stream = context.streamStructured("List facts about {topic}.", { facts: ["string"] }, { topic });
 * for await (const { facts = [] } of stream) show(facts);
 * const { facts } = await stream.object;
 */
export class ObjectStream<Value> extends PieceStream<
  () => unknown,
  Growing<Value>
> {
  /** The validated value. Rejects as `response` does. */
  readonly object: Promise<Value>;

  /** @internal */
  constructor(
    call: (
      show: (read: () => unknown) => void,
      signal: AbortSignal,
    ) => Promise<{ readonly response: ModelResponse; readonly value: unknown }>,
  ) {
    const object = Promise.withResolvers<Value>();
    super({
      newestOnly: true,
      // What the schema describes, as far as it has arrived; the last one is validated.
      read: (read) => read() as Growing<Value>,
      call: async (show, signal) => {
        try {
          const { response, value } = await call(show, signal);
          show(() => value);
          object.resolve(value as Value);
          return response;
        } catch (error) {
          object.reject(error);
          throw error;
        }
      },
    });
    this.object = object.promise;
    this.object.catch(() => {});
  }
}
