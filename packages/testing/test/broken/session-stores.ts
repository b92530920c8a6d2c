import { randomUUID } from "node:crypto";
import { StoreError } from "@lambdallm/core";
import {
  MemorySessionStore,
  type SessionKey,
  type SessionMessage,
  type StoredSession,
} from "@lambdallm/core/stores";
import { endOf, NaiveSessionStore } from "./naive-session-store.ts";
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

type Broken = Changes<MemorySessionStore>;

const writing =
  (change: (message: SessionMessage) => SessionMessage): Broken =>
  (good) => ({
    append: async (key, turn) =>
      good.append(key, { ...turn, messages: turn.messages.map(change) }),
  });

const reading =
  (change: (read: StoredSession) => Partial<StoredSession>): Broken =>
  (good) => ({
    load: async (key, options) => {
      const read = await good.load(key, options);
      return { ...read, ...change(read) };
    },
  });

const naming =
  (nameOf: (key: SessionKey) => SessionKey): Broken =>
  (good) => ({
    load: async (key, options) => good.load(nameOf(key), options),
    append: async (key, turn) => good.append(nameOf(key), turn),
    saveSummary: async (key, summary) => good.saveSummary(nameOf(key), summary),
    saveHeader: async (key, header) => good.saveHeader(nameOf(key), header),
    lock: async (key, options) => good.lock(nameOf(key), options),
    unlock: async (key, fence) => good.unlock(nameOf(key), fence),
    delete: async (key) => good.delete(nameOf(key)),
  });

const content: Readonly<Record<string, Broken>> = {
  "keeps JSON only": writing((message) => JSON.parse(JSON.stringify(message))),
  "drops empty texts": writing((message) => ({
    ...message,
    content: message.content.filter(
      (block) => !("text" in block && block.text === ""),
    ),
  })),
  "drops marks": writing(({ role, content }) => ({ role, content })),
  "cuts long texts": writing((message) => ({
    ...message,
    content: message.content.map((block) =>
      "text" in block ? { text: String(block.text).slice(0, 65_536) } : block,
    ),
  })),
  "merges messages by hand": writing((message) => Object(merged(message))),
  "copies the fields of a Date": writing((message) =>
    Object(fieldsOf(message)),
  ),
  "writes what has no JSON as a text": writing((message) =>
    Object(textsOf(message)),
  ),
  "takes turns of any size": (good) => ({
    append: async (key, turn) =>
      good.append(key, turn).catch((error: unknown) => {
        if (StoreError.isInstance(error)) return true;
        throw error;
      }),
  }),
  "drops unknown content": writing((message) => ({
    ...message,
    content: message.content.filter((block) => !("$unknown" in block)),
  })),
  "writes times in seconds": reading(({ turns }) => ({
    turns: turns.map((turn) => ({
      ...turn,
      writtenAt: Math.floor(turn.writtenAt / 1_000),
    })),
  })),
};

const numbers: Readonly<Record<string, Broken>> = {
  "counts from 1": (good) => ({
    load: async (key, options) => {
      const read = await good.load(key, options);
      return { ...read, next: read.next + 1 };
    },
    append: async (key, turn) =>
      good.append(key, { ...turn, first: turn.first - 1 }),
  }),
  "reads the newest first": reading(({ turns }) => ({
    turns: turns.toReversed(),
  })),
  "reads one page": reading(({ turns }) => ({ turns: turns.slice(-10) })),
  "never says that there is more": reading(() => ({ hasOlder: false })),
  "ignores windows": (good) => ({ load: async (key) => good.load(key) }),
  "cuts turns where a window begins": (good) => ({
    load: async (key, options = {}) => {
      const read = await good.load(key, options);
      const { from = 0 } = options;
      const turns = read.turns.filter(({ first }) => first >= from);
      return { ...read, turns };
    },
  }),
  "leaves out turns that a summary covers in part": reading(
    ({ turns, summary }) => ({
      turns: turns.filter(({ first }) => first >= (summary?.upTo ?? 0)),
    }),
  ),
  "takes every write for a repetition": (good) => ({
    append: async (key, turn) => (await good.append(key, turn)) || true,
  }),
  "knows no repetition": (good) => ({
    append: async (key, turn) =>
      good.append(key, { ...turn, writeId: randomUUID() }),
  }),
  "writes at the end, whatever the number": (good) => ({
    append: async (key, turn) => {
      const { next } = await good.load(key);
      return good.append(key, { ...turn, first: next });
    },
  }),
  "takes numbers beyond the next": (good) => ({
    append: async (key, turn) =>
      (await good.append(key, turn)) ||
      turn.first > (await good.load(key)).next,
  }),
  "uses numbers again": reading(({ turns }) => ({ next: endOf(turns) })),
  "counts a header as a message": reading(({ next, header }) => ({
    next: next + (header ? 1 : 0),
  })),
};

const state: Readonly<Record<string, Broken>> = {
  "keeps the newest summary": (good) => {
    const summaries = new Map<string, { text: string; upTo: number }>();
    return {
      saveSummary: async ({ sessionId }, { text, upTo }) => {
        summaries.set(sessionId, { text, upTo });
        return true;
      },
      load: async (key, options) => {
        const summary = summaries.get(key.sessionId);
        const read = await good.load(key, options);
        return { ...read, ...(summary && { summary }) };
      },
    };
  },
  "writes headers without a condition": (good) => ({
    saveHeader: async (key, header) => {
      for (;;) {
        const { header: read } = await good.load(key);
        const expectedVersion = read?.version ?? 0;
        const saved = await good.saveHeader(key, {
          ...header,
          expectedVersion,
        });
        if (saved) return saved;
      }
    },
  }),
  "takes a repeated header for a conflict": (good) => ({
    saveHeader: async (key, header) =>
      good.saveHeader(key, { ...header, writeId: randomUUID() }),
  }),
  "merges metadata by hand": (good) => ({
    saveHeader: async (key, header) => {
      const metadata = Object(merged(header.metadata));
      return good.saveHeader(key, { ...header, metadata });
    },
  }),
  "takes any end": (good) => ({
    append: async (key, turn) =>
      good.append(key, { ...turn, expiresAt: anyEnd(turn.expiresAt) }),
  }),
  "takes empty turns": (good) => ({
    append: async (key, turn) =>
      turn.messages.length === 0 || good.append(key, turn),
  }),
  "does not extend a lock that its owner asks for": (good) => {
    const fences = new Map<string, number | undefined>();
    return {
      lock: async (key, options) => {
        const name = `${key.sessionId} ${options.owner}`;
        if (!fences.has(name)) fences.set(name, await good.lock(key, options));
        return fences.get(name);
      },
    };
  },
  "locks for everybody": () => {
    let fence = 0;
    return { lock: async () => ++fence };
  },
  "locks its owner out": (good) => ({
    lock: async (key, options) =>
      good.lock(key, { ...options, owner: randomUUID() }),
  }),
  "never unlocks": () => ({ unlock: async () => undefined }),
  "unlocks for everybody": (good) => {
    const fences = new Map<string, number>();
    return {
      lock: async (key, options) => {
        const fence = await good.lock(key, options);
        if (fence !== undefined) fences.set(key.sessionId, fence);
        return fence;
      },
      unlock: async (key) => good.unlock(key, fences.get(key.sessionId) ?? 0),
    };
  },
  "deletes nothing": () => ({ delete: async () => undefined }),
  "deletes all of a tenant": (good) => {
    const keys = new Set<SessionKey>();
    return {
      append: async (key, turn) => {
        keys.add(key);
        return good.append(key, turn);
      },
      delete: async () => {
        for (const key of keys) await good.delete(key);
      },
    };
  },
};

const ids: Readonly<Record<string, Broken>> = {
  "joins the parts of a key": naming(({ tenantId, sessionId }) => ({
    tenantId: "t",
    sessionId: `${tenantId}:${sessionId}`,
  })),
  "folds the case of ids": naming(({ tenantId, sessionId }) => ({
    tenantId: String(tenantId).toLowerCase(),
    sessionId,
  })),
  "takes any id": naming(({ tenantId, sessionId }) => ({
    tenantId: anyId(tenantId),
    sessionId: anyId(sessionId),
  })),
};

const make = (now: () => number) => new MemorySessionStore({ now });

export const goodSessionStore = () => subjectOf(make);

export const naiveSessionStore = () => subjectOf(() => new NaiveSessionStore());

export const brokenSessionStores = (): Readonly<
  Record<string, Subject<MemorySessionStore>>
> => ({
  ...brokenStores(make),
  "reads and writes without a condition": naiveSessionStore(),
  ...Object.fromEntries(
    Object.entries({ ...content, ...numbers, ...state, ...ids }).map(
      ([name, changes]) => [name, subjectOf(make, changes)],
    ),
  ),
});
