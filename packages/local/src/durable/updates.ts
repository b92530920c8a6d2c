import { arrayAt, defined, member, objectAt, stringAt } from "../json.ts";
import { LambdaError } from "./lambda-error.ts";
import {
  type DurableError,
  type DurableOperationType,
  OPERATION_TYPES,
} from "./operation.ts";

const ACTIONS = ["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"] as const;

/** One member of a checkpoint. */
export interface OperationUpdate {
  readonly Id: string;
  readonly Type: DurableOperationType;
  readonly Action: (typeof ACTIONS)[number];
  readonly ParentId?: string;
  readonly Name?: string;
  readonly SubType?: string;
  readonly Payload?: string;
  readonly Error?: DurableError;
  readonly ReplayChildren?: boolean;
  readonly NextAttemptDelaySeconds?: number;
  readonly WaitSeconds?: number;
  readonly TimeoutSeconds?: number;
  readonly HeartbeatTimeoutSeconds?: number;
}

/** A leap year. */
const LONGEST_SECONDS = 31_622_400;

/** What the model of the service says about a member: an example of it in words, and whether a value is one. */
type Constraint = readonly [
  words: string,
  accepts: (value: unknown) => boolean,
];

const matching = (pattern: RegExp, most: number): Constraint => [
  `a text of ${pattern.source} with at most ${most} characters`,
  (value) =>
    typeof value === "string" && value.length <= most && pattern.test(value),
];
const among = (allowed: readonly string[]): Constraint => [
  `one of [${allowed.join(", ")}]`,
  (value) => allowed.includes(value as string),
];
const seconds = (least: number): Constraint => [
  `a whole number from ${least} to ${LONGEST_SECONDS}`,
  (value) =>
    Number.isInteger(value) &&
    Number(value) >= least &&
    Number(value) <= LONGEST_SECONDS,
];
const text: Constraint = ["a text", (value) => typeof value === "string"];
const flag: Constraint = ["a boolean", (value) => typeof value === "boolean"];

const ID = matching(/^[\w-]+$/, 64);
const MEMBERS: readonly (readonly [string, Constraint])[] = [
  ["Id", ID],
  ["Type", among(OPERATION_TYPES)],
  ["Action", among(ACTIONS)],
  ["ParentId", ID],
  ["Name", matching(/^[\x20-\x7e]+$/, 256)],
  ["SubType", matching(/^[a-zA-Z-_]+$/, 32)],
  ["Payload", text],
  ["ContextOptions.ReplayChildren", flag],
  ["StepOptions.NextAttemptDelaySeconds", seconds(1)],
  ["WaitOptions.WaitSeconds", seconds(1)],
  ["CallbackOptions.TimeoutSeconds", seconds(0)],
  ["CallbackOptions.HeartbeatTimeoutSeconds", seconds(0)],
];
const REQUIRED = ["Id", "Type", "Action"];

/**
 * The updates of a checkpoint's body.
 *
 * @throws {LambdaError} for what the model of the service does not have.
 */
export function updatesOf(body: unknown): readonly OperationUpdate[] {
  return arrayAt(body, "Updates").map((update, index) =>
    updateOf(update, `updates.${index + 1}.member`),
  );
}

function updateOf(value: unknown, place: string): OperationUpdate {
  const found: Record<string, unknown> = {};
  for (const [path, [words, accepts]] of MEMBERS) {
    const [group, key] = path.includes(".") ? path.split(".") : [];
    const given =
      group === undefined || key === undefined
        ? member(value, path)
        : member(member(value, group), key);
    // The service takes null for a member that is not there.
    if (given === undefined || given === null) {
      if (REQUIRED.includes(path)) violated(`${place}.${path}`, "not be null");
      continue;
    }
    if (!accepts(given)) violated(`${place}.${path}`, `be ${words}`);
    found[key ?? path] = given;
  }
  const error = objectAt(value, "Error");
  // Every member has been looked at.
  return {
    ...found,
    ...(error && { Error: errorOf(error) }),
  } as OperationUpdate;
}

/** An error that somebody sends: the members that the service has. */
export function errorOf(value: unknown): DurableError {
  const stack = arrayAt(value, "StackTrace").map(String);
  return defined({
    ErrorMessage: stringAt(value, "ErrorMessage"),
    ErrorType: stringAt(value, "ErrorType"),
    ErrorData: stringAt(value, "ErrorData"),
    StackTrace: stack.length > 0 ? stack : undefined,
  });
}

function violated(place: string, constraint: string): never {
  throw new LambdaError(
    "ValidationException",
    `1 validation error detected: Value at '${place}' failed to satisfy constraint: Member must ${constraint}`,
  );
}
