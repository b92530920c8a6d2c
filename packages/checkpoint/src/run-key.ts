import { hash, randomUUID } from "node:crypto";
import type { StepKey } from "@lambdallm/core/stores";

/** The record of the run itself, which stands behind those of its steps: they begin with a digit. */
const RUN = "run";

/** No dots: a question's token is made of the run's id, its position and a secret, with dots between them. */
const RUN_ID = /^[\w-]{1,128}$/;

export function isRunId(value: unknown): value is string {
  return typeof value === "string" && RUN_ID.test(value);
}

/** Nobody can guess it. */
export function newRunId(): string {
  return randomUUID();
}

/** The id of the run that an `idempotencyKey` names, of any length and with any characters in it. */
export function derivedRunId(idempotencyKey: string): string {
  return hash("sha256", idempotencyKey, "base64url");
}

/** Where the records of a run stand: those of another tenant are somewhere else, whatever its id. */
export function partitionOf(tenantId: string, runId: string): string {
  return `${encodeURIComponent(tenantId)}/${runId}`;
}

export function runKey(partition: string): StepKey {
  return { runId: partition, step: RUN };
}

export const isOfRun = ({ step }: StepKey): boolean => step === RUN;

/** The list of a tenant's runs that wait. */
export function listOf(tenantId: string): string {
  return `suspended/${encodeURIComponent(tenantId)}`;
}
