import { type Failure, StepFailure } from "../contract/journal.ts";
import type { Entry } from "./entry.ts";
import { recordedCopy } from "./recorded-copy.ts";

const MOST_DATA_BYTES = 16 * 1024;
const LONGEST_CODE = 200;
const LONGEST_MESSAGE = 2_000;
const LONGEST_STACK = 4_000;
const DEFAULT_STATUS = 500;

/** Fields that have a place of their own. */
const KNOWN = new Set([
  "name",
  "message",
  "stack",
  "cause",
  "code",
  "statusCode",
  "expose",
  "retryable",
]);

/** What is recorded of whatever a step has thrown. It never throws itself. */
export function failureOf(error: unknown, step: string): Failure {
  // It names the step that failed first, wherever it is thrown again.
  if (StepFailure.isInstance(error)) return recordOf(error);
  const code = field(error, "code");
  const statusCode = field(error, "statusCode");
  const stack = field(error, "stack");
  const data = dataOf(error);
  return {
    step,
    code: (typeof code === "string" ? code : nameOf(error)).slice(
      0,
      LONGEST_CODE,
    ),
    message: messageOf(error).slice(0, LONGEST_MESSAGE),
    statusCode: isStatus(statusCode) ? statusCode : DEFAULT_STATUS,
    expose: field(error, "expose") === true,
    retryable: field(error, "retryable") === true,
    ...(data !== undefined && { data }),
    ...(typeof stack === "string" && { stack: stack.slice(0, LONGEST_STACK) }),
  };
}

function recordOf(error: StepFailure): Failure {
  const { step, code, message, statusCode, expose, retryable } = error;
  const { data, stack, costUsd = null } = error;
  return {
    ...{ step, code, message, statusCode, expose, retryable, stack, costUsd },
    ...(data !== undefined && { data }),
  };
}

const isStatus = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 400 && Number(value) <= 599;

/** Anything can be thrown, also what throws when it is looked at. */
function field(error: unknown, name: string): unknown {
  try {
    return Reflect.get(Object(error), name);
  } catch {
    return undefined;
  }
}

function nameOf(error: unknown): string {
  const name = field(error, "name");
  return typeof name === "string" && name !== "" ? name : "Error";
}

function messageOf(error: unknown): string {
  const message = field(error, "message");
  if (typeof message === "string") return message;
  try {
    return String(error);
  } catch {
    return "something that has no text";
  }
}

/** Only what is enumerable: prompts and answers in the errors of the suite are not. */
function dataOf(error: unknown): unknown {
  if (typeof error !== "object" || error === null) return undefined;
  try {
    const entries = Object.entries(error).filter(([name]) => !KNOWN.has(name));
    if (entries.length === 0) return undefined;
    const data = recordedCopy(Object.fromEntries(entries), "data");
    return data.bytes <= MOST_DATA_BYTES ? data.value : undefined;
  } catch {
    return undefined;
  }
}

/** The error that a recorded failure comes back as. */
export function failed(
  entry: Entry & { readonly status: "failed" },
): StepFailure {
  return new StepFailure({ ...entry.failure, costUsd: entry.costUsd });
}

/** Of a question that nobody has answered within its time. */
export function askTimeout(step: string): Failure {
  return {
    step,
    code: "ASK_TIMEOUT",
    message: `Nobody has answered "${step}" in time.`,
    statusCode: 504,
    expose: true,
    retryable: false,
  };
}
