export type { LogEvent, LogLevel } from "./levels.ts";
export type { Logger, LogRecord } from "./logger.ts";
export {
  logging,
  logging as default,
  logging as LoggingMiddleware,
} from "./middleware.ts";
export {
  type ContentOptions,
  type LoggingOptions,
  loggingValidateOptions,
} from "./options.ts";
export {
  type DataMasker,
  type Redact,
  redact,
  redactionRules,
} from "./redact.ts";
