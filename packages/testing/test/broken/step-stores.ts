import { randomUUID } from "node:crypto";
import type { JsonValue } from "@lambdallm/core";
import {
  MemoryStepStore,
  type StepKey,
  type StepRecord,
  type StepStore,
} from "@lambdallm/core/stores";
import { lists } from "./step-lists.ts";
import {
  anyEnd,
  anyId,
  brokenStores,
  type Changes,
  fieldsOf,
  merged,
  type Subject,
  subjectOf,
  textsOf,
} from "./subject.ts";

type Broken = Changes<StepStore>;
type Claiming = Parameters<StepStore["claim"]>[1];

const nameOf = (key: StepKey) => JSON.stringify([key.runId, key.step]);

const claiming =
  (change: (options: Claiming) => Partial<Claiming>): Broken =>
  (good) => ({
    claim: async (key, options) =>
      good.claim(key, { ...options, ...change(options) }),
  });

const naming =
  (keyOf: (key: StepKey) => StepKey): Broken =>
  (good) => ({
    claim: async (key, options) => good.claim(keyOf(key), options),
    renew: async (key, fence, leaseMs) =>
      good.renew(keyOf(key), fence, leaseMs),
    commit: async (key, fence, output) =>
      good.commit(keyOf(key), fence, output),
    fail: async (key, fence, error) => good.fail(keyOf(key), fence, error),
    find: async (key) => good.find(keyOf(key)),
    list: async (runId) => good.list(keyOf({ runId, step: "" }).runId),
  });

/** Asks who has it, and gives it away all the same. */
const naive: Broken = (good) => ({
  claim: async (key, options) => {
    const outcome = await good.claim(key, options);
    return outcome.status === "running"
      ? { status: "claimed", fence: 1 }
      : outcome;
  },
});

const claims: Readonly<Record<string, Broken>> = {
  "gives steps to everybody": naive,
  "locks its owner out": claiming(() => ({ owner: randomUUID() })),
  "says in seconds how long a lease lasts": (good) => ({
    claim: async (key, options) => {
      const outcome = await good.claim(key, options);
      return outcome.status === "running"
        ? { ...outcome, expiresAt: Math.floor(outcome.expiresAt / 1_000) }
        : outcome;
    },
  }),
  "ignores inputs": claiming(() => ({ inputHash: undefined })),
  "keeps steps that failed": () => ({ fail: async () => true }),
  "keeps leases for ever": claiming(() => ({ leaseMs: 1e12 })),
  "takes any lease": claiming(({ leaseMs }) => ({
    leaseMs: Math.max(1, Math.round(leaseMs) || 1),
  })),
  "takes any end": claiming(({ expiresAt }) => ({
    expiresAt: anyEnd(expiresAt),
  })),
  "does not extend a lease that its owner asks for": (good) => {
    const owners = new Set<string>();
    return {
      claim: async (key, options) => {
        if (owners.has(options.owner)) return { status: "claimed", fence: 1 };
        owners.add(options.owner);
        return good.claim(key, options);
      },
    };
  },
  "does not renew": () => ({ renew: async () => true }),
  "takes over under the same fence": (good) => ({
    claim: async (key, options) => {
      const outcome = await good.claim(key, options);
      return outcome.status === "claimed" ? { ...outcome, fence: 1 } : outcome;
    },
  }),
  "is strict about leases": (good) => {
    const leases = new Map<string, number>();
    return {
      claim: async (key, options) => {
        leases.set(nameOf(key), options.leaseMs);
        return good.claim(key, options);
      },
      renew: async (key, fence, leaseMs) =>
        (leases.get(nameOf(key)) ?? 0) > 60_000 &&
        good.renew(key, fence, leaseMs),
    };
  },
};

const records: Readonly<Record<string, Broken>> = {
  "commits for everybody": (good) => ({
    commit: async (key, fence, output) => {
      const records = await good.list(key.runId);
      const record = records.find(({ step }) => step === key.step);
      return good.commit(key, record?.fence ?? fence, output);
    },
  }),
  "commits without a claim": (good) => ({
    commit: async (key, fence, output) => {
      await good.claim(key, { owner: "", leaseMs: 1 });
      return good.commit(key, fence, output);
    },
  }),
  "takes a repetition for a conflict": (good) => {
    const done = new Set<string>();
    return {
      commit: async (key, fence, output) => {
        if (done.has(nameOf(key))) return false;
        done.add(nameOf(key));
        return good.commit(key, fence, output);
      },
    };
  },
  "keeps the last output, and the caller's own object": (good) => {
    const outputs = new Map<string, JsonValue>();
    return {
      commit: async (key, fence, output) => {
        const isDone = await good.commit(key, fence, output);
        if (isDone) outputs.set(nameOf(key), output);
        return isDone;
      },
      claim: async (key, options) => {
        const outcome = await good.claim(key, options);
        return outcome.status === "done"
          ? { status: "done", output: outputs.get(nameOf(key)) ?? null }
          : outcome;
      },
    };
  },
  "merges outputs by hand": (good) => ({
    commit: async (key, fence, output) =>
      // A copy of JSON, apart from what goes wrong.
      good.commit(key, fence, merged(output) as JsonValue),
  }),
  "copies the fields of a Date": (good) => ({
    commit: async (key, fence, output) =>
      good.commit(key, fence, fieldsOf(output) as JsonValue),
  }),
  "writes what has no JSON as a text": (good) => ({
    commit: async (key, fence, output) =>
      good.commit(key, fence, textsOf(output) as JsonValue),
  }),
  "finds nothing": () => ({ find: async () => undefined }),
  "finds only what has ended": (good) => ({
    find: async (key) => {
      const record = await good.find(key);
      return record?.status === "running" ? undefined : record;
    },
  }),
  "finds what has expired": (good) => {
    const found = new Map<string, StepRecord>();
    return {
      claim: async (key, options) => {
        const outcome = await good.claim(key, options);
        const record = await good.find(key);
        if (record) found.set(nameOf(key), record);
        return outcome;
      },
      find: async (key) => (await good.find(key)) ?? found.get(nameOf(key)),
    };
  },
  "lists the last step first": (good) => ({
    list: async (runId) => (await good.list(runId)).toReversed(),
  }),
};

const ids: Readonly<Record<string, Broken>> = {
  "joins the parts of a key": naming(({ runId, step }) => ({
    runId: "r",
    step: `${runId}:${step}`,
  })),
  "takes any id": naming(({ runId, step }) => ({
    runId: anyId(runId),
    step: anyId(step),
  })),
};

const make = (now: () => number): StepStore => new MemoryStepStore({ now });

export const goodStepStore = () => subjectOf(make);

export const naiveStepStore = () => subjectOf(make, naive);

export const brokenStepStores = (): Readonly<
  Record<string, Subject<StepStore>>
> => ({
  ...brokenStores(make),
  ...Object.fromEntries(
    Object.entries({ ...claims, ...records, ...ids, ...lists }).map(
      ([name, changes]) => [name, subjectOf(make, changes)],
    ),
  ),
});
