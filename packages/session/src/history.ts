import type {
  ConversationInfo,
  Invocation,
  InvocationEvents,
} from "@lambdallm/core/feature";
import type {
  SessionHeader,
  SessionMessage,
  SessionSummary,
  StoredSession,
  Turn,
} from "@lambdallm/core/stores";
import type { ConflictMode } from "./options.ts";
import type { StoreAccess } from "./store-access.ts";
import { type TimeLimit, UNLIMITED, withinTime } from "./time-limit.ts";
import { UnsavedMessages } from "./unsaved-messages.ts";

export interface HistoryOptions {
  readonly sessionId: string;
  readonly access: StoreAccess;
  readonly conflict: ConflictMode;
  readonly invocation?: Invocation | undefined;
  /** Ends what nobody waits for any more. */
  readonly closing: AbortSignal;
}

/** Owns what this process knows of a session: what is stored of it, and what is to be. Nothing here fails in silence. */
export class History {
  readonly unsaved = new UnsavedMessages();

  readonly #options: HistoryOptions;
  #turns: readonly Turn[] = [];
  #next = 0;
  #hasOlder = false;
  #summary: SessionSummary | undefined;
  #header: SessionHeader | undefined;
  #reads = 0;
  #loading: Promise<void> | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** For observers of the calls that are a turn of it. */
  get conversation(): ConversationInfo {
    const { sessionId: id } = this.#options;
    return this.#summary === undefined ? { id } : { id, isCompacted: true };
  }

  get conflict(): ConflictMode {
    return this.#options.conflict;
  }

  /** The oldest first. */
  get turns(): readonly Turn[] {
    return this.#turns;
  }

  get hasOlder(): boolean {
    return this.#hasOlder;
  }

  get summary(): SessionSummary | undefined {
    return this.#summary;
  }

  get header(): SessionHeader | undefined {
    return this.#header;
  }

  /** How often the session was read. */
  get reads(): number {
    return this.#reads;
  }

  get messages(): readonly SessionMessage[] {
    return this.turns.flatMap(({ messages }) => messages);
  }

  /** Reads the newest messages, at least this many, unless that was done before. */
  load(messages: number, signal: AbortSignal): Promise<void> {
    const read = () => this.#load(messages);
    // Several can wait for the same.
    return withinTime(UNLIMITED, "load", signal, read);
  }

  #load(messages: number): Promise<void> {
    if (this.reads > 0 && (!this.hasOlder || this.messages.length >= messages))
      return Promise.resolve();
    // Who needs more than that asks again.
    if (this.#loading !== undefined) return this.#loading;
    const limits = messages < Infinity ? { lastMessages: messages } : {};
    const known = this.reads > 0 ? this.messages.length : -1;
    const done = this.#read(limits, this.#options.closing)
      .then((stored) => {
        this.#replace(stored);
        // Whoever asks for more and more must come to an end.
        if (this.messages.length <= known) this.#hasOlder = false;
      })
      .finally(() => {
        this.#loading = undefined;
      });
    this.#loading = done;
    return done;
  }

  /** Reads more, in steps that grow, unless somebody has done so since there were so many messages. */
  loadOlder(messages: number, signal: AbortSignal): Promise<void> {
    return this.load(messages * 2 + 1, signal);
  }

  /** Reads what others have written since; returns their turns. */
  async catchUp(signal: AbortSignal): Promise<readonly Turn[]> {
    // It may have begun before the lock was taken.
    await withinTime(UNLIMITED, "load", signal, async () => this.#loading);
    if (this.reads === 0) return [];
    const next = this.#next;
    const last = this.turns.at(-1);
    // The last known turn as well: whether it is still there tells whether the others are.
    const stored = await this.#read({ from: last?.first ?? 0 }, signal);
    const newer = stored.turns.filter(
      ({ writeId }) => writeId !== last?.writeId,
    );
    if (stored.next < next || newer.some(({ first }) => first < next)) {
      // It was deleted, and may have begun again.
      this.#replace(await this.#read({}, signal));
      return this.turns;
    }
    this.#turns = [...this.turns, ...newer];
    this.#next = stored.next;
    this.#header = stored.header;
    this.#adopt(stored.summary);
    return newer;
  }

  /** Writes messages as one turn after those that are known; false when others were faster. */
  async append(
    messages: readonly SessionMessage[],
    writeId: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const turn = { first: this.#next, messages, writeId };
    const written = await this.#options.access.append(turn, signal);
    if (written) {
      this.#turns = [...this.turns, { ...turn, writtenAt: Date.now() }];
      this.#next += messages.length;
      this.unsaved.delete(messages);
    }
    return written;
  }

  /** What another delivery of the request has stored in the place of these messages. */
  replayed(turn: Turn, messages: readonly SessionMessage[]): Turn {
    this.emit("session-replay", { messages: turn.messages.length });
    this.unsaved.delete(messages);
    return turn;
  }

  /** Writes the header; false when somebody else was faster. */
  async saveHeader(
    metadata: SessionHeader["metadata"],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { access } = this.#options;
    const version = this.header?.version ?? 0;
    const header = await access.saveHeader(version, metadata, signal);
    if (header !== undefined) this.#header = header;
    return header !== undefined;
  }

  /** Stores a summary, unless there is one that covers as much, or the last turn that it covers was deleted. */
  async saveSummary(
    summary: SessionSummary,
    last: Turn,
    signal: AbortSignal,
  ): Promise<boolean> {
    // What was said in a deleted session must not come back.
    await this.catchUp(signal);
    if (!this.turns.includes(last)) return false;
    const { access } = this.#options;
    const saved = await access.saveSummary(summary, signal);
    if (saved) this.#adopt(summary);
    return saved;
  }

  /** Waits for a read that has begun, whatever becomes of it. */
  async endOfReading(signal: AbortSignal): Promise<void> {
    await withinTime(UNLIMITED, "load", signal, async () =>
      this.#loading?.catch(() => {}),
    );
  }

  /** Deletes the session, and these messages with it. */
  async delete(
    unsaved: readonly SessionMessage[],
    signal: AbortSignal,
  ): Promise<void> {
    await this.#options.access.delete(signal);
    this.#reads += 1;
    this.#replace({ turns: [], next: 0, hasOlder: false });
    this.unsaved.delete(unsaved);
  }

  emit<Name extends keyof InvocationEvents>(
    name: Name,
    event: InvocationEvents[Name],
  ): boolean {
    return this.#options.invocation?.events.emit(name, event) ?? false;
  }

  /** Returns a function that gives the lock back. */
  lock(signal: AbortSignal): Promise<() => Promise<void>> {
    return this.#options.access.lock(signal);
  }

  get limit(): TimeLimit {
    return this.#options.access.limit;
  }

  get ttlMs(): number {
    return this.#options.access.ttlMs;
  }

  async #read(
    limits: { readonly lastMessages?: number; readonly from?: number },
    signal: AbortSignal,
  ): Promise<StoredSession> {
    const start = Date.now();
    const stored = await this.#options.access.load(limits, signal);
    this.#reads += 1;
    this.emit("session-load", {
      messages: stored.turns.flatMap(({ messages }) => messages).length,
      durationMs: Date.now() - start,
    });
    return stored;
  }

  #replace(stored: StoredSession): void {
    this.#turns = stored.turns;
    this.#hasOlder = stored.hasOlder;
    this.#next = stored.next;
    this.#header = stored.header;
    this.#summary = undefined;
    this.#adopt(stored.summary);
  }

  #adopt(summary: SessionSummary | undefined): void {
    if (summary === undefined || summary.upTo <= (this.summary?.upTo ?? 0))
      return;
    this.#summary = summary;
    this.#turns = this.turns.filter(
      ({ first, messages }) => first + messages.length > summary.upTo,
    );
  }

  reportConflict(newer: readonly Turn[], mode = this.conflict): void {
    const newerMessages = newer.flatMap(({ messages }) => messages).length;
    this.emit("session-conflict", { mode, newerMessages });
  }
}
