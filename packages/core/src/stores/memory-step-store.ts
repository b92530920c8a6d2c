import type { JsonValue } from "../contract/content.ts";
import { ConfigurationError } from "../contract/errors.ts";
import { checkExpiry } from "./check-expiry.ts";
import { checkId } from "./check-id.ts";
import { checkLease } from "./check-lease.ts";
import { MemoryLists } from "./memory-lists.ts";
import { clockOf, type MemoryStoreOptions } from "./memory-options.ts";
import type {
  ClaimOutcome,
  ListPage,
  ListPageRequest,
  NewListEntry,
  StepKey,
  StepRecord,
  StepStore,
} from "./step-store.ts";
import { MAX_TURN_BYTES, storable } from "./storable.ts";
import { compareTexts } from "./text-order.ts";

type StepState =
  | { readonly status: "running"; readonly expiresAt: number }
  | { readonly status: "done"; readonly output: JsonValue }
  | { readonly status: "failed"; readonly error: JsonValue };

interface StepData {
  readonly fence: number;
  readonly owner: string;
  readonly inputHash: string | undefined;
  readonly expiresAt: number;
  state: StepState;
}

/**
 * Steps in the memory of this process, for tests and development: they live as long as the process does, and no other
 * process can resume a run.
 */
export class MemoryStepStore implements StepStore {
  readonly #runs = new Map<string, Map<string, StepData>>();
  readonly #lists: MemoryLists;
  readonly #now: () => number;

  constructor(options: MemoryStoreOptions = {}) {
    this.#now = clockOf("MemoryStepStore", options);
    this.#lists = new MemoryLists(this.#now);
  }

  async claim(
    key: StepKey,
    options: {
      readonly owner: string;
      readonly leaseMs: number;
      readonly inputHash?: string | undefined;
      readonly expiresAt?: number | undefined;
    },
  ): Promise<ClaimOutcome> {
    const { owner, leaseMs, inputHash, expiresAt } = options;
    const steps = this.#steps(key);
    checkId("owner", owner);
    checkLease(leaseMs);
    checkExpiry(expiresAt);
    const record = this.#find(key);
    if (differ(record?.inputHash, inputHash))
      throw new ConfigurationError(
        `The step "${key.step}" of the run "${key.runId}" was recorded for another input; use another run id for it.`,
      );
    if (record?.state.status === "done") return structuredClone(record.state);
    const state = {
      status: "running",
      expiresAt: this.#now() + leaseMs,
    } as const;
    if (
      record?.state.status === "running" &&
      record.state.expiresAt > this.#now()
    ) {
      if (record.owner !== owner) return { ...record.state };
      record.state = state;
      return { status: "claimed", fence: record.fence };
    }
    // Also after a record that has expired: a holder who stalled since then stays superseded.
    const fence = (steps.get(key.step)?.fence ?? 0) + 1;
    steps.set(key.step, {
      fence,
      owner,
      inputHash,
      expiresAt: expiresAt ?? Infinity,
      state,
    });
    return { status: "claimed", fence };
  }

  async renew(key: StepKey, fence: number, leaseMs: number): Promise<boolean> {
    checkLease(leaseMs);
    const expiresAt = this.#now() + leaseMs;
    return this.#advance(key, fence, { status: "running", expiresAt });
  }

  async commit(
    key: StepKey,
    fence: number,
    output: JsonValue,
  ): Promise<boolean> {
    const plain = storable(output, {
      name: "output",
      operation: "commit",
      maxBytes: MAX_TURN_BYTES,
    });
    return this.#advance(key, fence, { status: "done", output: plain });
  }

  async fail(key: StepKey, fence: number, error: JsonValue): Promise<boolean> {
    const plain = storable(error, {
      name: "error",
      operation: "fail",
      maxBytes: MAX_TURN_BYTES,
    });
    return this.#advance(key, fence, { status: "failed", error: plain });
  }

  async find(key: StepKey): Promise<StepRecord | undefined> {
    const record = this.#find(key);
    if (!record) return undefined;
    const { runId, step } = key;
    const { fence, state } = record;
    return { runId, step, fence, ...structuredClone(state) };
  }

  async list(runId: string): Promise<readonly StepRecord[]> {
    checkId("run id", runId);
    const steps = [...(this.#runs.get(runId)?.keys() ?? [])];
    const records = await Promise.all(
      steps
        .toSorted(compareTexts)
        .map(async (step) => this.find({ runId, step })),
    );
    return records.filter((record) => record !== undefined);
  }

  async enlist(list: string, entry: NewListEntry): Promise<void> {
    this.#lists.enlist(list, entry);
  }

  async delist(list: string, id: string): Promise<void> {
    this.#lists.delist(list, id);
  }

  async entries(list: string, page?: ListPageRequest): Promise<ListPage> {
    return this.#lists.entries(list, page);
  }

  /** Whether the step of this holder is in the state now: by this write or by an earlier attempt of it. */
  #advance(key: StepKey, fence: number, state: StepState): boolean {
    const record = this.#find(key);
    if (record?.fence !== fence) return false;
    if (record.state.status === "running") record.state = state;
    return record.state.status === state.status;
  }

  #find(key: StepKey): StepData | undefined {
    const record = this.#steps(key).get(key.step);
    return record && record.expiresAt > this.#now() ? record : undefined;
  }

  #steps({ runId, step }: StepKey): Map<string, StepData> {
    checkId("run id", runId);
    checkId("step", step);
    const steps = this.#runs.get(runId) ?? new Map<string, StepData>();
    this.#runs.set(runId, steps);
    return steps;
  }
}

function differ(recorded: string | undefined, given: string | undefined) {
  return recorded !== undefined && given !== undefined && recorded !== given;
}
