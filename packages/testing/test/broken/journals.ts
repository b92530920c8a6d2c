import { AsyncResource } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import {
  type Branch,
  type Journal,
  type Settled,
  StepFailure,
  type StepInfo,
  type StepOptions,
  Suspended,
} from "@lambdallm/core";
import type { MemoryJournal } from "@lambdallm/core/stores";

type Fn = (info: StepInfo) => Promise<unknown>;
type Submit = (token: string, info: StepInfo) => Promise<void>;

/** A journal whose values have no types: what is broken could not keep to them. */
interface Untyped extends Pick<Journal, "runId" | "sleep"> {
  step(name: string, fn: Fn, options?: StepOptions): Promise<unknown>;
  all(
    name: string,
    branches: readonly Branch<unknown>[],
    options?: { readonly concurrency?: number | undefined },
  ): Promise<Settled<unknown>[]>;
  ask(
    name: string,
    submit: Submit,
    options?: { readonly timeoutMs?: number | undefined },
  ): Promise<unknown>;
}

type Changes = (good: Untyped) => Partial<Untyped>;

const outside = new AsyncResource("outside of every step");

/** A journal that differs from the good one in these methods, in its branches too. */
export function changedJournal(changes: Changes) {
  const changed = (good: Journal): Journal => {
    const own: Partial<Untyped> = {
      all: (name, branches, options) =>
        good.all(name, inChanged(branches), options),
      ...changes(good),
    };
    return new Proxy(good, {
      get(target, name) {
        const member = Reflect.get(own, name) ?? Reflect.get(target, name);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  };
  const inChanged = <T>(branches: readonly Branch<T>[]) =>
    Array.isArray(branches)
      ? branches.map((branch): Branch<T> => {
          if (typeof branch !== "function") return branch;
          return (journal, outcomes) => branch(changed(journal), outcomes);
        })
      : branches;
  return (journal: MemoryJournal): Journal => changed(journal);
}

/** What is thrown by a step, with everything that it has. */
function bare(error: unknown): Error {
  const names = Object.getOwnPropertyNames(Object(error));
  const all = names.map((name) => [name, Reflect.get(Object(error), name)]);
  return Object.assign(new Error("?"), Object.fromEntries(all));
}

const byName = new Map<string, unknown>();

export const brokenJournals: Readonly<Record<string, Changes>> = {
  "runs steps again": () => ({
    step: async (_name: string, fn: Fn) =>
      fn({
        key: "key",
        attempt: 1,
        signal: new AbortController().signal,
        costUsd: 0,
      }),
  }),
  "knows steps by their names": (good) => ({
    step: async (name: string, fn: Fn, options?: StepOptions) => {
      const key = `${good.runId} ${name}`;
      if (!byName.has(key)) byName.set(key, good.step(name, fn, options));
      return byName.get(key);
    },
  }),
  "runs one step after the other": (good) => {
    let last: Promise<unknown> = Promise.resolve();
    return {
      step: async (name: string, fn: Fn, options?: StepOptions) => {
        const before = last.catch(() => {});
        last = before.then(() => good.step(name, fn, options));
        return last;
      },
    };
  },
  "returns values as they are": (good) => ({
    step: async (name: string, fn: Fn, options?: StepOptions) => {
      let own: { value: unknown } | undefined;
      const recorded = await good.step(
        name,
        async (info) => {
          const value = await fn(info);
          own = { value };
          return value;
        },
        options,
      );
      return own ? own.value : recorded;
    },
  }),
  "makes null of undefined": (good) => ({
    step: async (name: string, fn: Fn, options?: StepOptions) =>
      (await good.step(name, fn, options)) ?? null,
  }),
  "hands out the record itself": (good) => ({
    step: async (name: string, fn: Fn, options?: StepOptions) => {
      const key = `record ${good.runId} ${name}`;
      const value = await good.step(name, fn, options);
      if (!byName.has(key)) byName.set(key, value);
      return Array.isArray(value) ? byName.get(key) : value;
    },
  }),
  "tells steps nothing of themselves": (good) => ({
    step: (name: string, fn: Fn, options?: StepOptions) =>
      good.step(
        name,
        (info) => fn({ ...info, key: "key", attempt: 1 }),
        options,
      ),
  }),
  "has another id in each run": () => ({ runId: randomUUID() }),
  "cannot wait": () => ({
    sleep: async () => {
      throw new Error("No.");
    },
  }),
  "takes any names, times and branches": (good) => ({
    step: (name: unknown, fn: Fn, options?: StepOptions) =>
      good.step(`step ${name}`.slice(0, 90), fn, options),
    sleep: async () => {},
    all: async (name: string, branches: unknown, options: object) =>
      Array.isArray(branches) && typeof branches[0] === "function"
        ? good.all(name, branches, options)
        : [],
    ask: (name: string, submit: Submit) => good.ask(name, submit),
  }),
  "throws the error itself": (good) => ({
    step: async (name: string, fn: Fn, options?: StepOptions) => {
      let own: unknown;
      try {
        return await good.step(
          name,
          async (info) => {
            try {
              return await fn(info);
            } catch (error) {
              own = error;
              throw error;
            }
          },
          options,
        );
      } catch (error) {
        throw own ?? error;
      }
    },
  }),
  "records all that an error has": (good) => ({
    step: (name: string, fn: Fn, options?: StepOptions) =>
      good.step(
        name,
        (info) =>
          fn(info).catch((error) => {
            throw Object.assign(new Error("?"), { all: { ...bare(error) } });
          }),
        options,
      ),
  }),
  "makes something of everything": (good) => ({
    step: (name: string, fn: Fn, options?: StepOptions) =>
      good.step(
        name,
        async (info) => {
          const value = await fn(info);
          try {
            return (JSON.stringify(value)?.length ?? 0) > 250_000 ? "" : value;
          } catch {
            return "no JSON";
          }
        },
        { ...options, maxBytes: 1e9 },
      ),
  }),
  "tries nothing again": (good) => ({
    step: (name: string, fn: Fn) => good.step(name, fn),
  }),
  "tries everything again": (good) => ({
    step: async (name: string, fn: Fn, options?: StepOptions) => {
      try {
        return await good.step(name, fn, options);
      } catch (error) {
        if (Suspended.isInstance(error)) throw error;
        return good.step(name, fn, options);
      }
    },
  }),
  "asks for a retry once": (good) => ({
    step: (name: string, fn: Fn, options?: StepOptions) =>
      good.step(name, fn, {
        ...options,
        retry: (error, attempt) =>
          attempt === 1 && (options?.retry?.(error, attempt) ?? false),
      }),
  }),
  "runs steps inside of steps": (good) => ({
    step: (name: string, fn: Fn, options?: StepOptions) =>
      good.step(
        name,
        (info) => outside.runInAsyncScope(() => fn(info)),
        options,
      ),
  }),
  "does not compare names": (good) => ({
    step: (_name: string, fn: Fn, options?: StepOptions) =>
      good.step("step", fn, options),
  }),
  "runs one branch after the other": (good) => ({
    all: (name: string, branches: readonly Branch<unknown>[]) =>
      good.all(name, branches, { concurrency: 1 }),
  }),
  "runs all branches at once": (good) => ({
    all: (name: string, branches: readonly Branch<unknown>[]) =>
      good.all(name, branches),
  }),
  "throws what a branch throws": (good) => ({
    all: async (name: string, branches: never, options: object) => {
      const settled = await good.all(name, branches, options);
      for (const each of settled as Settled<unknown>[])
        if (!each.ok) throw each.error;
      return settled;
    },
  }),
  "tells branches nothing of each other": (good) => ({
    all: (
      name: string,
      branches: readonly Branch<unknown>[],
      options: object,
    ) =>
      good.all(
        name,
        branches.map((branch) => (journal) => branch(journal, [])),
        options,
      ),
  }),
  "returns what branches return": (good) => ({
    all: async (
      name: string,
      branches: readonly Branch<unknown>[],
      options: object,
    ) => {
      const own: unknown[] = [];
      const settled = await good.all(
        name,
        branches.map((branch, index) => async (journal, outcomes) => {
          own[index] = await branch(journal, outcomes);
          return own[index];
        }),
        options,
      );
      return settled.map((each, index) =>
        each.ok ? { ok: true, value: own[index] } : each,
      );
    },
  }),
  "has no branches in branches": (good) => ({
    all: (
      name: string,
      branches: readonly Branch<unknown>[],
      options: object,
    ) =>
      good.all(
        name,
        branches.map(
          (branch) => (journal, outcomes) =>
            branch(
              Object.assign(Object.create(journal), {
                all: async () => {
                  throw new Error("No.");
                },
                step: journal.step.bind(journal),
                ask: journal.ask.bind(journal),
                sleep: journal.sleep.bind(journal),
              }),
              outcomes,
            ),
        ),
        options,
      ),
  }),
  "names the wrong step": (good) => ({
    all: async (name: string, branches: never, options: object) =>
      ((await good.all(name, branches, options)) as Settled<unknown>[]).map(
        (each) =>
          each.ok
            ? each
            : {
                ok: false,
                error: new StepFailure({ ...each.error, step: "another" }),
              },
      ),
  }),
  "answers for others": (good) => ({
    ask: async () => good.runId,
  }),
  "passes questions on in each run": (good) => ({
    ask: async (name: string, submit: Submit, options: object) => {
      let info: StepInfo | undefined;
      try {
        return await good.ask(
          name,
          async (token, told) => {
            info = told;
            return submit(token, told);
          },
          options,
        );
      } finally {
        const aborted = { signal: AbortSignal.abort(), costUsd: 0 };
        if (info === undefined)
          await submit("again", { key: "again", attempt: 1, ...aborted }).catch(
            () => {},
          );
      }
    },
  }),
  "takes false for no answer": (good) => ({
    ask: async (name: string, submit: Submit, options?: object) => {
      const answer = await good.ask(name, submit, options);
      return answer === false || answer === 0 || answer === ""
        ? good.ask(name, submit, options)
        : answer;
    },
  }),
  "does not mind a question that nobody got": (good) => ({
    ask: (name: string, submit: Submit, options?: object) =>
      good.ask(
        name,
        async (token, info) => {
          await submit(token, info).catch(() => {});
        },
        options,
      ),
  }),
  "waits for ever": (good) => ({
    ask: (name: string, submit: Submit) => good.ask(name, submit),
  }),
};
