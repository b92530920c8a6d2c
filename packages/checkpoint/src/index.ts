export type { BlobStore } from "./blobs.ts";
export {
  type CheckpointJournal,
  checkpointJournal,
} from "./checkpoint-journal.ts";
export {
  type DescribeRunOptions,
  describeRun,
  type RunDescription,
  type StepDescription,
} from "./describe-run.ts";
export {
  AnswerConflictError,
  RunNotFoundError,
  UnknownTokenError,
} from "./errors.ts";
export type { RunEndEvent, RunStartEvent, RunSuspendEvent } from "./events.ts";
export type { Host, RunRequest } from "./host.ts";
export {
  type ListedRun,
  type ListRunsOptions,
  listRuns,
  listSuspended,
  type RunPage,
} from "./list-runs.ts";
export {
  type CheckpointMembers,
  type CheckpointOptions,
  checkpoint,
  checkpoint as default,
  checkpointValidateOptions,
  type WithCheckpoint,
} from "./middleware.ts";
export type { SuspendedRun } from "./run-end.ts";
export { derivedRunId } from "./run-key.ts";
export type { RunState } from "./run-state.ts";
export type {
  CheckpointJournalOptions,
  RunOptions,
  StepStores,
} from "./settings.ts";
export { type SubmitAnswerOptions, submitAnswer } from "./submit-answer.ts";
