import { MemoryBudgetStore } from "./memory-budget-store.ts";
import type { MemoryStoreOptions } from "./memory-options.ts";
import { MemorySessionStore } from "./memory-session-store.ts";
import { MemoryStepStore } from "./memory-step-store.ts";
import type { Stores } from "./stores.ts";

/**
 * All stores in the memory of this process, for tests and development: what they keep lives as long as the process does.
 *
 * @example
 * const store = memoryStores();
 * middy(chat).use(bedrock()).use(session({ store }));
 */
export function memoryStores(options: MemoryStoreOptions = {}): Stores {
  return {
    sessions: new MemorySessionStore(options),
    budgets: new MemoryBudgetStore(),
    steps: new MemoryStepStore(options),
  };
}
