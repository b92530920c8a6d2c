import {
  ConfigurationError,
  type JsonValue,
  SessionConflictError,
} from "@lambdallm/core";
import { plainJson } from "@lambdallm/core/feature";
import type { SessionHeader } from "@lambdallm/core/stores";
import { Contention, neverFirst } from "./contention.ts";
import { sameData } from "./snapshot.ts";
import type { StoredHistory } from "./stored-history.ts";

type Stored = SessionHeader["metadata"];

/** What is known about a session beside its messages. Fields can be set and deleted. */
export type SessionMetadata = Record<string, JsonValue>;

/** The metadata that a handler edits, and what it was made from. */
export class Metadata {
  readonly #history: StoredHistory;
  #edited: SessionMetadata | undefined;
  /** Undefined when it was set without having been read. */
  #base: Stored | undefined;

  constructor(history: StoredHistory) {
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

  /** Forgets what was edited. */
  reset(): void {
    this.#edited = undefined;
  }

  /** @throws {SessionConflictError} In the mode `reject`, when somebody else has changed it. */
  save(signal: AbortSignal): Promise<void> {
    const history = this.#history;
    return history.headerWrites.run(async () => {
      if (this.#edited === undefined || !this.isModified) return;
      const mine = storable(this.#edited);
      this.#base ??= this.#stored;
      const contention = new Contention(history.limit, signal);
      let wanted = mine;
      for (;;) {
        if (!sameData(this.#stored, this.#base)) {
          history.reportConflict([]);
          if (history.conflict === "reject") {
            this.reset();
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
