import type { LogEvent, LogLevel } from "./levels.ts";

/** One record: flat, in camelCase, without what is not known. */
export interface LogRecord {
  /** A short text, the same for every record of its kind. */
  readonly message: string;
  readonly event: LogEvent;
  /** Lambda's request id. */
  readonly requestId?: string | undefined;
  readonly [field: string]: unknown;
  // What loggers write themselves.
  readonly level?: never;
  readonly service?: never;
  readonly timestamp?: never;
  readonly sampling_rate?: never;
}

/**
 * What records are written with, each as one object: Powertools Logger, pino, `console` in Lambda's JSON format, or anything else
 * that has these methods. What they promise is awaited at the end of the invocation.
 */
export interface Logger {
  debug(record: LogRecord): unknown;
  info(record: LogRecord): unknown;
  warn(record: LogRecord): unknown;
  error(record: LogRecord): unknown;
  /** Whether records of a level are written, where the logger can say so, as pino can: others are not made. */
  isLevelEnabled?(level: LogLevel): boolean;
}

/**
 * The console: objects where the runtime makes JSON of them, and lines of JSON elsewhere. Without Lambda's JSON format there is no
 * level to set, so that `debug` is left out, as Lambda leaves it out of that format unless it is told otherwise.
 */
export const consoleLogger: Logger = {
  isLevelEnabled: (level) => level !== "debug" || isJsonFormat(),
  debug: (record) => console.debug(record),
  info: (record) => write("info", record),
  warn: (record) => write("warn", record),
  error: (record) => write("error", record),
};

function write(level: Exclude<LogLevel, "debug">, record: LogRecord): void {
  console[level](
    isJsonFormat()
      ? record
      : JSON.stringify({ level: level.toUpperCase(), ...record }),
  );
}

const isJsonFormat = () => process.env["AWS_LAMBDA_LOG_FORMAT"] === "JSON";
