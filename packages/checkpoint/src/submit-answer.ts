import { randomUUID, timingSafeEqual } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  ConfigurationError,
  StepInProgressError,
  StoreError,
} from "@lambdallm/core";
import { check, validateOptions } from "@lambdallm/core/feature";
import {
  answerPosition,
  checkId,
  fromJson,
  recordedCopy,
  type StepKey,
  toJson,
} from "@lambdallm/core/stores";
import { AnswerConflictError, UnknownTokenError } from "./errors.ts";
import { partsOf } from "./question.ts";
import { partitionOf } from "./run-key.ts";
import {
  MOST_RESULT_BYTES,
  type StepStores,
  storeWithSteps,
} from "./settings.ts";
import { fromStored, toStored } from "./stored-entry.ts";

export interface SubmitAnswerOptions {
  readonly store: StepStores;
  /** Of the one who answers. Take it from the authenticated caller. @default "default" */
  readonly tenantId?: string | undefined;
  /** What the question was passed on with. */
  readonly token: string;
  /** JSON. The first answer is the answer. */
  readonly answer: unknown;
}

const checks = {
  store: storeWithSteps,
  tenantId: check.text,
  token: check.string,
  answer: () => undefined,
};

const LEASE_MS = 1;

/**
 * Answers a question of `journal.ask`. Then resume the run, whose id is returned. The same answer again is fine.
 *
 * @throws {ConfigurationError} An option is missing or wrong.
 * @throws {UnknownTokenError} Nobody waits for this token; the same for one of another tenant.
 * @throws {AnswerConflictError} It has another answer already, or the answer is too late.
 */
export async function submitAnswer(
  options: SubmitAnswerOptions,
): Promise<{ readonly runId: string }> {
  validateOptions("submitAnswer", checks, options, ["store", "token"]);
  if (!("answer" in options))
    throw new ConfigurationError(
      'submitAnswer: the option "answer" is missing: give JSON, or undefined for none.',
    );
  const { store, tenantId = "default", token, answer } = options;
  checkId("tenant", tenantId);
  const parts = partsOf(token);
  if (parts === undefined) throw new UnknownTokenError();
  const { runId, position } = parts;
  const partition = partitionOf(tenantId, runId);
  const { name, expiresAt } = await questionAt(
    store,
    { runId: partition, step: position },
    token,
  );
  const { value, bytes } = recordedCopy(answer, "The answer");
  if (bytes > MOST_RESULT_BYTES)
    throw new StoreError(
      `The answer has ${bytes} bytes as JSON, and ${MOST_RESULT_BYTES} can be stored.`,
      { reason: "too-large", operation: "submitAnswer" },
    );
  const entry = { kind: "ask", name, status: "done", value } as const;
  const stored = await toStored(entry, expiresAt, NO_BLOBS);
  const key = { runId: partition, step: answerPosition(position) };
  const owner = randomUUID();
  for (;;) {
    const outcome = await store.steps.claim(key, {
      owner,
      leaseMs: LEASE_MS,
      expiresAt,
    });
    if (outcome.status === "running")
      throw new StepInProgressError(
        "Somebody else is answering the question at this moment.",
        { runId, step: position, expiresAt: outcome.expiresAt },
      );
    if (outcome.status === "done") {
      if (isSame(outcome.output, stored)) return { runId };
      const recorded = Reflect.get(Object(outcome.output), "status");
      throw new AnswerConflictError(recorded === "done" ? "answered" : "late");
    }
    if (await store.steps.commit(key, outcome.fence, stored)) return { runId };
    // Somebody else was faster: it may be the same answer.
  }
}

const NO_BLOBS = { prefix: "", blobStore: undefined };

async function questionAt({ steps }: StepStores, key: StepKey, token: string) {
  const record = await steps.find(key);
  if (record?.status !== "done") throw new UnknownTokenError();
  const { entry, expiresAt } = await fromStored(record.output, undefined);
  if (entry.status !== "waiting" || !isSameText(entry.token, token))
    throw new UnknownTokenError();
  return { name: entry.name, expiresAt };
}

/** Takes the same time wherever they differ, so that nobody can find out a token letter by letter. */
function isSameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const isSame = (one: unknown, other: unknown) =>
  isDeepStrictEqual(plain(one), plain(other));

const plain = (value: unknown) => fromJson(toJson("answer", value));
