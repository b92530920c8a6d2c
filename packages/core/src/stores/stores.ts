import type { BudgetStore } from "./budget-store.ts";
import type { SessionStore } from "./session-store.ts";
import type { StepStore } from "./step-store.ts";

/** What a full store offers; each feature asks for its own part only. */
export interface Stores {
  readonly sessions: SessionStore;
  readonly budgets: BudgetStore;
  readonly steps: StepStore;
}
