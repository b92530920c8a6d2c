import { PieceStream } from "@lambdallm/core/feature";
import type { AgentEvent, AgentResult } from "./types.ts";

/**
 * What happens in a run, while it happens. The run starts at once; iterate it one time. Leaving the loop ends the run.
 *
 * @example
 * const stream = agent.stream(question, context);
 * return { statusCode: 200, body: toResponseBody(stream.text, { format: "text" }) };
 */
export class AgentStream<Value = undefined> extends PieceStream<
  AgentEvent,
  AgentEvent,
  AgentResult<Value>
> {
  readonly #name: string;

  /** @internal */
  constructor(
    name: string,
    run: (
      emit: (event: AgentEvent) => void,
      signal: AbortSignal,
    ) => Promise<AgentResult<Value>>,
  ) {
    super({ call: run, read: (event) => event });
    this.#name = name;
  }

  /** The result of the run. Rejects when the run fails or is suspended. */
  get result(): Promise<AgentResult<Value>> {
    return this.response;
  }

  /** The texts alone, those of different answers on lines of their own; of the agent itself, and not of those that are its tools. */
  get text(): AsyncIterable<string> {
    return { [Symbol.asyncIterator]: () => this.#texts() };
  }

  #texts(): AsyncIterator<string, undefined> {
    const events = this[Symbol.asyncIterator]();
    let isFirst = true;
    let isNew = false;
    return {
      next: async () => {
        for (;;) {
          const { done, value } = await events.next();
          if (done) return { done: true, value: undefined };
          if (value.agent !== this.#name) continue;
          isNew ||= value.type === "iteration";
          if (value.type !== "text") continue;
          const gap = isNew && !isFirst ? "\n\n" : "";
          isFirst = false;
          isNew = false;
          return { done: false, value: gap + value.text };
        }
      },
      return: async () => {
        await events.return?.();
        return { done: true, value: undefined };
      },
    };
  }
}
