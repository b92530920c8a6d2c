import { isThenable, warn, within } from "@lambdallm/core/feature";
import { Content } from "./content.ts";
import { errorFacts, type Fields } from "./facts.ts";
import {
  isTrouble,
  type LogEvent,
  type LogLevel,
  messageOf,
} from "./levels.ts";
import type { Logger, LogRecord } from "./logger.ts";
import type { ContentSettings } from "./options.ts";

/** How long the end of an invocation waits for what the logger has promised. */
const FLUSH_LIMIT_MS = 1_000;

export interface RecorderSettings {
  readonly logger: Logger;
  readonly levelOf: (event: LogEvent) => LogLevel | false;
  readonly sampleRate: number;
  readonly content: ContentSettings;
  /** Names of the events of features that are recorded. */
  readonly foreignEvents: ReadonlySet<string>;
}

/** Writes the records of one invocation. Nothing that its logger does reaches a call. */
export class Recorder {
  readonly content: Content;
  readonly #settings: RecorderSettings;
  readonly #requestId: string | undefined;
  readonly #pending = new Set<PromiseLike<unknown>>();
  readonly #reported = new Set<string>();
  #isSampled: boolean;

  constructor(settings: RecorderSettings, requestId: string | undefined) {
    this.#settings = settings;
    this.#requestId = requestId;
    this.#isSampled = Math.random() < settings.sampleRate;
    this.content = new Content(settings.content, (error) => {
      // Its message may quote the text.
      const { errorName = "an error" } = errorFacts(error);
      this.#report("Content could not be redacted, and is left out", errorName);
    });
  }

  isWanted(event: LogEvent): boolean {
    return this.#settings.levelOf(event) !== false;
  }

  get foreignEvents(): ReadonlySet<string> {
    return this.#settings.foreignEvents;
  }

  /** @param fields Made only for a record that is written, and so is what is said in it. */
  write(event: LogEvent, fields: () => Fields, content?: () => Fields): void {
    const { logger, levelOf } = this.#settings;
    const level = levelOf(event);
    if (level === false) return;
    // What comes after it belongs to it, such as the end of the call.
    this.#isSampled ||= isTrouble(event);
    if (!this.#isSampled || logger.isLevelEnabled?.(level) === false) return;
    const record: Record<string, unknown> = {
      message: messageOf(event),
      event,
    };
    if (this.#requestId !== undefined) record["requestId"] = this.#requestId;
    addKnown(record, fields());
    if (content !== undefined) addKnown(record, content());
    // No field has one of the names that loggers keep for themselves.
    this.#hand(level, record as LogRecord);
  }

  /** Waits for what the logger has promised, for a limited time. */
  async flush(): Promise<void> {
    if (this.#pending.size === 0) return;
    const onTimeUp = () =>
      this.#report("The logger failed", "it did not come to an end");
    await within({ limitMs: FLUSH_LIMIT_MS, onTimeUp }, () =>
      Promise.all(this.#pending),
    );
  }

  #hand(level: LogLevel, record: LogRecord): void {
    const fail = (error: unknown) => this.#report("The logger failed", error);
    try {
      const returned = this.#settings.logger[level](record);
      if (!isThenable(returned)) return;
      const written: PromiseLike<unknown> = Promise.resolve(returned)
        .catch(fail)
        .finally(() => this.#pending.delete(written));
      this.#pending.add(written);
    } catch (error) {
      fail(error);
    }
  }

  /** Once: a logger that fails would fail with every record. */
  #report(what: string, error: unknown): void {
    if (this.#reported.has(what)) return;
    this.#reported.add(what);
    warn(`logging: ${what}`, error);
  }
}

/** What is known, with times in whole milliseconds: their fractions are long, and tell nobody anything. */
function addKnown(record: Record<string, unknown>, fields: Fields): void {
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    record[name] =
      typeof value === "number" && name.endsWith("Ms")
        ? Math.round(value)
        : value;
  }
}
