import type { Invocation } from "@lambdallm/core/feature";
import { Delivery } from "./delivery.ts";
import { History } from "./history.ts";
import { Metadata } from "./metadata.ts";
import type { sessionSettings } from "./options.ts";
import { PromptHistory } from "./prompt-history.ts";
import { Saving } from "./saving.ts";
import { StoreAccess } from "./store-access.ts";
import { UNLIMITED } from "./time-limit.ts";
import { Turns } from "./turns.ts";

/** What a session is made of. Each one knows those before it, and none of those after it. */
export interface SessionParts {
  /** Aborted at the end of the invocation. */
  readonly closing: AbortController;
  readonly history: History;
  readonly prompt: PromptHistory;
  readonly metadata: Metadata;
  readonly turns: Turns;
  readonly saving: Saving;
}

/** Puts a session together. Nothing is read yet. */
export function openSession(
  settings: ReturnType<typeof sessionSettings>,
  invocation: Invocation | undefined,
): SessionParts {
  const { store, id, tenant, memory, conflict, ttlMs, ...request } = settings;
  const closing = new AbortController();
  const { signal } = closing;
  const access = new StoreAccess({
    store: store.sessions,
    key: { tenantId: tenant, sessionId: id },
    ttlMs,
    limit: invocation ?? UNLIMITED,
  });
  const history = new History({
    ...{ sessionId: id, access, conflict, invocation },
    closing: signal,
  });
  const prompt = new PromptHistory(history, memory);
  const metadata = new Metadata(history);
  const turns = new Turns({
    history,
    metadata,
    prompt,
    memory,
    delivery: new Delivery({ ...request, invocation }),
    closing: signal,
  });
  const saving = new Saving({ history, prompt, metadata, turns, closing });
  return { closing, history, prompt, metadata, turns, saving };
}
