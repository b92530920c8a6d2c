import {
  ConfigurationError,
  type JsonValue,
  SessionConflictError,
} from "@lambdallm/core";
import { plainJson, warn } from "@lambdallm/core/feature";
import type { SessionHeader, SessionMessage } from "@lambdallm/core/stores";
import { Contention, neverFirst } from "./contention.ts";
import type { History } from "./history.ts";
import { Queue } from "./queue.ts";
import { sameData } from "./snapshot.ts";

type Stored = SessionHeader["metadata"];

/** What is known about a session beside its messages. Fields can be set and deleted. */
export type SessionMetadata = Record<string, JsonValue>;

/** The metadata that a handler edits, and what it was made from. */
export class Metadata {
  readonly #history: History;
  /** One at a time: each one needs the version that the one before has left. */
  readonly #writes = new Queue();
  #edited: SessionMetadata | undefined;
  /** Undefined when it was set without having been read. */
  #base: Stored | undefined;

  constructor(history: History) {
    this.#history = history;
  }

  get value(): SessionMetadata {
    if (this.#edited === undefined) {
      this.#base = this.#stored;
      this.#edited = { ...structuredClone(this.#base) };
    }
    return this.#edited;
  }

  set value(value: SessionMetadata) {
    if (this.#edited === undefined && this.#history.reads > 0)
      this.#base = this.#stored;
    this.#edited = value;
  }

  get isRead(): boolean {
    return this.#edited !== undefined || this.#history.reads > 0;
  }

  /** @throws {ConfigurationError} It is no JSON object. */
  get isModified(): boolean {
    if (this.#edited === undefined) return false;
    return !sameData(storable(this.#edited), this.#base);
  }

  /** @throws {SessionConflictError} In the mode `reject`, when somebody else has changed it. */
  save(signal: AbortSignal): Promise<void> {
    const history = this.#history;
    return this.#writes.run(async () => {
      if (this.#edited === undefined || !this.isModified) return;
      const mine = storable(this.#edited);
      this.#base ??= this.#stored;
      const contention = new Contention(history.limit, signal);
      let wanted = mine;
      for (;;) {
        if (!sameData(this.#stored, this.#base)) {
          history.reportConflict([]);
          if (history.conflict === "reject") {
            this.#edited = undefined;
            throw new SessionConflictError(
              "The session's metadata was changed by somebody else. Nothing was saved: read session.metadata again.",
            );
          }
          wanted = merge(this.#base, mine, this.#stored);
        }
        if (await history.saveHeader(wanted, signal)) break;
        if (!(await contention.pause())) throw neverFirst();
        await history.catchUp(signal);
      }
      // What was edited meanwhile stays, and what others wrote comes in.
      fill(this.#edited, merge(mine, storable(this.#edited), wanted));
      this.#base = wanted;
    }, signal);
  }

  /** Messages that go on being written must not outlive the metadata. Never fails: the turn before is stored. */
  async keepAlive(signal: AbortSignal): Promise<void> {
    const history = this.#history;
    const { header, ttlMs } = history;
    if (header?.expiresAt === undefined) return;
    if (header.expiresAt - Date.now() > ttlMs / 2) return;
    try {
      // When somebody else was faster, theirs is as fresh.
      await this.#writes.run(
        () => history.saveHeader(header.metadata, signal),
        signal,
      );
    } catch (error) {
      // Half of its time is left for the next turn to try again.
      warn("A session's metadata could not be kept alive", error);
    }
  }

  /** Deletes the whole session, and what was edited and added before. */
  async deleteSession(
    unsaved: readonly SessionMessage[],
    signal: AbortSignal,
  ): Promise<void> {
    // What it would bring is gone then.
    await this.#history.endOfReading(signal);
    // A header that is being written would be there again.
    await this.#writes.run(async () => {
      await this.#history.delete(unsaved, signal);
      this.#edited = undefined;
    }, signal);
  }

  get #stored(): Stored {
    return this.#history.header?.metadata ?? {};
  }
}

function storable(metadata: unknown): Stored {
  const plain: unknown = plainJson(metadata, "session.metadata");
  if (typeof plain !== "object" || plain === null || Array.isArray(plain))
    throw new ConfigurationError(
      "session.metadata must be an object that JSON can hold.",
    );
  // Without what is undefined, and without bytes.
  return JSON.parse(JSON.stringify(plain));
}

/** What was changed from `base` to `mine`, field by field, on top of what is stored. */
function merge(base: Stored, mine: Stored, stored: Stored): Stored {
  const merged = new Map(Object.entries(stored));
  const before = new Map(Object.entries(base));
  const after = new Map(Object.entries(mine));
  for (const name of before.keys()) if (!after.has(name)) merged.delete(name);
  for (const [name, value] of after)
    if (!sameData(value, before.get(name))) merged.set(name, value);
  return Object.fromEntries(merged);
}

function fill(target: SessionMetadata, fields: Stored): void {
  for (const name of Object.keys(target))
    if (!Object.hasOwn(fields, name)) delete target[name];
  // Not an assignment: `__proto__` is a name like any other.
  for (const [name, value] of Object.entries(fields))
    Object.defineProperty(target, name, {
      value: structuredClone(value),
      configurable: true,
      enumerable: true,
      writable: true,
    });
}
