export { runInStep, Spending, type StepScope } from "./call/step-scope.ts";
export { fromJson, toJson } from "./checks/json-with-bytes.ts";
export {
  type Asked,
  answerPosition,
  type Entry,
  positionOf,
  submitPosition,
  wordsOf,
} from "./journal/entry.ts";
export { askTimeout, failureOf } from "./journal/failure.ts";
export {
  checkBranches,
  checkDuration,
  checkName,
  checkWork,
  refuseNested,
} from "./journal/journal-checks.ts";
export {
  type Answers,
  DEFAULT_RESULT_BYTES,
  isInMemory,
  type MemoryJournal,
  type MemoryJournalOptions,
  memoryJournal,
} from "./journal/memory-journal.ts";
export { recordedCopy } from "./journal/recorded-copy.ts";
export { RecordedJournal } from "./journal/recorded-journal.ts";
export type { Recorder } from "./journal/recorder.ts";
export { Running } from "./journal/running.ts";
export { type PutOff, type StepCall, StepRun } from "./journal/step-run.ts";
export { joined } from "./journal/suspension.ts";
export type {
  BudgetLimits,
  BudgetReservation,
  BudgetState,
  BudgetStore,
  BudgetUse,
  ReserveOutcome,
  SpendingReportRow,
  SpendingRow,
} from "./stores/budget-store.ts";
export { checkAmount } from "./stores/check-amount.ts";
export { checkExpiry } from "./stores/check-expiry.ts";
export { checkId } from "./stores/check-id.ts";
export { checkLease } from "./stores/check-lease.ts";
export { checkPage, pageOf } from "./stores/list-page.ts";
export { MemoryBudgetStore } from "./stores/memory-budget-store.ts";
export type { MemoryStoreOptions } from "./stores/memory-options.ts";
export { MemorySessionStore } from "./stores/memory-session-store.ts";
export { MemoryStepStore } from "./stores/memory-step-store.ts";
export { memoryStores } from "./stores/memory-stores.ts";
export type {
  NewTurn,
  SessionHeader,
  SessionKey,
  SessionMessage,
  SessionStore,
  SessionSummary,
  StoredSession,
  Turn,
} from "./stores/session-store.ts";
export type {
  ClaimOutcome,
  ListEntry,
  ListPage,
  ListPageRequest,
  NewListEntry,
  StepKey,
  StepRecord,
  StepStore,
} from "./stores/step-store.ts";
export { MAX_ENTRY_BYTES, MAX_TURN_BYTES } from "./stores/storable.ts";
export type { Stores } from "./stores/stores.ts";
export { checkDay, utcDayOf, utcMonthOf } from "./stores/utc-day.ts";
