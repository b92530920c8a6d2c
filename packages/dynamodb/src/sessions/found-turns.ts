import { type Item, StoredItem } from "../table/attributes.ts";
import { corrupt } from "../table/failure.ts";
import { HEADER, SUMMARY, TURN } from "./session-items.ts";

export interface FoundTurn {
  readonly first: number;
  readonly count: number;
  readonly stored: StoredItem;
}

/** Collects what a query from the newest item on gives, until there is enough. */
export class FoundTurns {
  /** The newest first. */
  readonly turns: FoundTurn[] = [];
  header: StoredItem | undefined;
  summary: StoredItem | undefined;
  next = 0;
  hasOlder = false;
  /** Items before the first turn: the header, the summary. */
  others = 0;
  #messages = 0;
  #sawTurn = false;
  #isComplete = false;
  #covered = 0;
  readonly #wanted: {
    readonly lastMessages: number;
    readonly from: number;
    readonly now: number;
  };

  constructor(wanted: {
    readonly lastMessages: number;
    readonly from: number;
    readonly now: number;
  }) {
    this.#wanted = wanted;
  }

  /** How many messages are still to be read. */
  get missing(): number {
    return this.#wanted.lastMessages - this.#messages;
  }

  /** Whether the query can end, though there may be more. The newest turn is always needed: it has the next number. */
  get isComplete(): boolean {
    return (
      this.#sawTurn &&
      (this.#isComplete || this.missing <= 0 || this.#oldest <= this.#until)
    );
  }

  add(item: Item): void {
    const stored = new StoredItem(item, "load");
    const SK = stored.text("SK");
    if (SK === HEADER) this.#addHeader(stored);
    else if (SK === SUMMARY) this.#addSummary(stored);
    else this.#addTurn(Number(SK.slice(TURN.length)), stored);
  }

  /** The query ended here, though there are more items. */
  endEarly(): void {
    // Those may have expired; to know it they would have to be read.
    if (this.turns.length > 0 && this.#oldest > this.#covered)
      this.hasOlder = true;
  }

  get #oldest(): number {
    return this.turns.at(-1)?.first ?? Number.POSITIVE_INFINITY;
  }

  get #until(): number {
    return Math.max(this.#wanted.from, this.#covered);
  }

  #addHeader(stored: StoredItem): void {
    this.others += 1;
    if (!stored.isExpired(this.#wanted.now)) this.header = stored;
  }

  #addSummary(stored: StoredItem): void {
    this.others += 1;
    const upTo = stored.number("upTo");
    // Its turns may be gone, but their numbers were used.
    this.next = Math.max(this.next, upTo);
    if (stored.isExpired(this.#wanted.now)) return;
    this.summary = stored;
    this.#covered = upTo;
  }

  #addTurn(first: number, stored: StoredItem): void {
    if (!Number.isSafeInteger(first))
      throw corrupt("load", "a turn's sort key has no number");
    const count = stored.number("n");
    const end = first + count;
    this.#sawTurn = true;
    this.next = Math.max(this.next, end);
    if (this.#isComplete || stored.isExpired(this.#wanted.now)) return;
    const { lastMessages, from } = this.#wanted;
    if (end <= this.#covered) this.#isComplete = true;
    else if (end <= from || this.#messages >= lastMessages) {
      this.#isComplete = true;
      this.hasOlder = true;
    } else {
      this.turns.push({ first, count, stored });
      this.#messages += count;
    }
  }
}
