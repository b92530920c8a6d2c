import {
  check,
  isObject,
  isThenable,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { DEFAULT_LEVELS, type LogEvent, type LogLevel } from "./levels.ts";
import type { Logger } from "./logger.ts";
import { type DataMasker, type Redact, redact } from "./redact.ts";

/** What of the content is recorded, too; each is cut to a length after it was redacted. */
export interface ContentOptions {
  /** The system prompt and the last message of each model call. @default false */
  readonly prompts?: boolean | undefined;
  /** The answer of each model call, or what there was of it when it failed. @default false */
  readonly answers?: boolean | undefined;
  /** The input and the result of each tool. @default false */
  readonly tools?: boolean | undefined;
  /** How much of each text is recorded, in UTF-16 code units. @default 1_000 */
  readonly maxTextLength?: number | undefined;
  /**
   * What is done to each text, whole, before it is cut: one after the other, in the place of the built-in rules. Content whose
   * redaction fails is left out.
   * @default redact
   */
  readonly redact?: Redacting | readonly Redacting[] | undefined;
}

type Redacting = Redact | DataMasker;

export interface LoggingOptions {
  /** What records are written with. @default the console */
  readonly logger?: Logger | undefined;
  /** The level of records by their `event`; false for those that are not wanted. @default see the README's table of records */
  readonly levels?:
    | { readonly [Event in LogEvent]?: LogLevel | false | undefined }
    | undefined;
  /** The share of invocations whose successes are recorded, from 0 to 1. Failures and warnings always are. @default 1 */
  readonly sampleRate?: number | undefined;
  /** Prompts, answers and the like. @default nothing of them */
  readonly content?: ContentOptions | undefined;
}

export interface ContentSettings {
  readonly prompts: boolean;
  readonly answers: boolean;
  readonly tools: boolean;
  readonly maxTextLength: number;
  readonly redact: Redact;
}

const DEFAULT_MAX_TEXT_LENGTH = 1_000;
const METHODS = ["debug", "info", "warn", "error"] as const;

const hasMethods = (value: unknown, names: readonly string[]) =>
  names.every((name) => typeof Reflect.get(Object(value), name) === "function");

const isRedacting = (value: unknown): value is Redacting =>
  typeof value === "function" ||
  (isObject(value) && hasMethods(value, ["erase"]));

const objectLike =
  (example: string): OptionCheck =>
  (value) =>
    isObject(value) ? undefined : `an object${example}`;

const checks = {
  logger: (value: unknown) =>
    hasMethods(value, METHODS)
      ? undefined
      : `a logger with the methods ${METHODS.join(", ")}`,
  levels: objectLike(" of levels by events, such as { route: false }"),
  sampleRate: check.zeroToOne,
  content: objectLike(", such as { prompts: true, answers: true }"),
};

const level = check.oneOf(...METHODS, false);
const levelChecks = Object.fromEntries(
  Object.keys(DEFAULT_LEVELS).map((event) => [event, level]),
);

const contentChecks = {
  prompts: check.boolean,
  answers: check.boolean,
  tools: check.boolean,
  maxTextLength: check.positiveInteger,
  redact: (value: unknown) => {
    const steps = [value].flat();
    // None at all would be no redaction, which nobody asks for like this.
    return steps.length > 0 && steps.every(isRedacting)
      ? undefined
      : "a function, a data masker with the method erase, or an array of them";
  },
};

/** @throws {ConfigurationError} naming the option that does not exist or has a wrong value. */
export function loggingValidateOptions(options: unknown): void {
  validateOptions("logging", checks, options);
  const { levels = {}, content = {} }: LoggingOptions = Object(options);
  validateOptions("logging: levels", levelChecks, levels);
  validateOptions("logging: content", contentChecks, content);
}

export function contentSettings({
  prompts = false,
  answers = false,
  tools = false,
  maxTextLength = DEFAULT_MAX_TEXT_LENGTH,
  redact: given = redact,
}: ContentOptions = {}): ContentSettings {
  const steps = [given].flat();
  return {
    ...{ prompts, answers, tools, maxTextLength },
    redact: (text) => steps.reduce(redacted, text),
  };
}

/** @throws when it does not get a text. */
function redacted(text: string, step: Redacting): string {
  const result: unknown =
    typeof step === "function" ? step(text) : step.erase(text);
  if (typeof result === "string") return result;
  // One that is rejected would end the process.
  if (isThenable(result)) Promise.resolve(result).catch(() => {});
  throw new TypeError("The redaction of a text has returned something else.");
}
