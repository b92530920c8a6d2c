export type {
  SessionConflictEvent,
  SessionLoadEvent,
  SessionRepairEvent,
  SessionReplayEvent,
  SessionSaveEvent,
  SessionSummaryErrorEvent,
  SessionSummaryEvent,
} from "./events.ts";
export {
  full,
  type MemoryStrategy,
  type SummaryOptions,
  slidingWindow,
  summary,
  tokenBudget,
} from "./memory.ts";
export type { MessageContent } from "./message.ts";
export type { SessionMetadata } from "./metadata.ts";
export {
  type SessionMembers,
  type SessionMiddlewareOptions,
  session,
  session as default,
  sessionValidateOptions,
  type WithSession,
} from "./middleware.ts";
export {
  type ConflictMode,
  SessionIdError,
  type SessionOptions,
  type SessionSettings,
  type SessionStores,
} from "./options.ts";
export type { Repair, RepairProblem } from "./repair-problem.ts";
export {
  type SaveOptions,
  Session,
  type SessionConverseOptions,
} from "./session.ts";
