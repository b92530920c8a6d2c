import type { Message } from "@lambdallm/core";
import type { SessionMessage, Turn } from "@lambdallm/core/stores";
import { joinExchanges } from "./exchanges.ts";
import type { History } from "./history.ts";
import {
  type Company,
  choose,
  type MemoryStrategy,
  messagesToLoad,
} from "./memory.ts";
import { RepairedMessages } from "./repair.ts";
import type { Repair } from "./repair-problem.ts";

/** A session's history as models take it: repaired, and as much of it as the memory strategy wants. */
export class PromptHistory {
  readonly #history: History;
  readonly #memory: MemoryStrategy;
  #toldReads = 0;
  #repairs: readonly Repair[] = [];
  /** What was repaired last. A turn that begins with a read needs the same again. */
  #turns: readonly Turn[] = [];
  #repaired = new RepairedMessages([], { hasOlder: false });

  constructor(history: History, memory: MemoryStrategy) {
    this.#history = history;
    this.#memory = memory;
  }

  /** What had to be left out of what was read. */
  get repairs(): readonly Repair[] {
    return this.#repairs;
  }

  /** Reads what the memory strategy begins with, unless that was done before, and tells what had to be repaired. */
  async load(signal: AbortSignal): Promise<void> {
    const history = this.#history;
    await history.load(messagesToLoad(this.#memory), signal);
    if (this.#toldReads === history.reads) return;
    this.#toldReads = history.reads;
    const turns = joinExchanges(history.turns);
    const numbers = turns.flatMap(({ first, messages }) =>
      messages.map((_message, index) => first + index),
    );
    const before = this.#repairs.length;
    this.#repairs = this.#repair(turns).repairs.map(({ index, problem }) => ({
      // Repairs name messages of this list only.
      index: numbers[index] as number,
      problem,
    }));
    const repairs = this.#repairs.length;
    if (repairs > 0 && repairs !== before)
      history.emit("session-repair", { repairs });
  }

  /**
   * The part of the history that the model gets, without the summary and the question; undefined when older messages have to
   * be read first.
   *
   * @param added Messages that come after those of the turns.
   */
  choose(
    turns: readonly Turn[],
    added: readonly SessionMessage[],
    company: Company,
  ): readonly Message[] | undefined {
    const { hasOlder } = this.#history;
    const { question } = company;
    const joined = joinExchanges(turns, question);
    const messages = this.#repair(joined).followedBy(added, question);
    return choose(this.#memory, messages, { hasOlder, company });
  }

  #repair(turns: readonly Turn[]): RepairedMessages {
    const known = this.#turns;
    const isKnown =
      turns.length === known.length &&
      turns.every((turn, index) => turn === known[index]);
    if (!isKnown) {
      const messages = turns.flatMap((turn) => turn.messages);
      // What was summarised or has expired is older as well.
      const hasOlder = this.#history.hasOlder || (turns[0]?.first ?? 0) > 0;
      this.#turns = turns;
      this.#repaired = new RepairedMessages(messages, { hasOlder });
    }
    return this.#repaired;
  }
}
