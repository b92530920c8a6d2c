export type { BlobStore } from "./blobs.ts";
export {
  type CheckpointJournal,
  checkpointJournal,
} from "./checkpoint-journal.ts";
export { RunNotFoundError } from "./errors.ts";
export type { Host, RunRequest } from "./host.ts";
export {
  type CheckpointMembers,
  type CheckpointOptions,
  checkpoint,
  checkpoint as default,
  checkpointValidateOptions,
  type WithCheckpoint,
} from "./middleware.ts";
export type { SuspendedRun } from "./run-end.ts";
export type {
  CheckpointJournalOptions,
  RunOptions,
  StepStores,
} from "./settings.ts";
