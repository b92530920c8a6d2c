import { randomUUID } from "node:crypto";
import { findModel } from "@lambdallm/core";
import type { ModelRequest } from "@lambdallm/core/feature";
import type { SpendingRow } from "@lambdallm/core/stores";
import { type Charge, inputTokensOf, whole } from "./charge.ts";

/** The tag that a `Prompt` with a name gives its calls. */
const PROMPT_TAG = "prompt.name";

const LONGEST_PROMPT_NAME = 200;

/** What an invocation has spent, and on what. */
export class SpendingLog {
  readonly #days = new Map<string, Map<string, SpendingRow>>();

  add(day: string, { tags }: ModelRequest, charge: Charge): void {
    const { nanoUsd, usage } = charge;
    const model = findModel(charge.model)?.id ?? charge.model;
    // Tags may be anything where types do not reach, and an answer must not be lost for it.
    const prompt = String(tags?.[PROMPT_TAG] ?? "")
      .slice(0, LONGEST_PROMPT_NAME)
      .toWellFormed();
    const rows = this.#days.get(day) ?? new Map<string, SpendingRow>();
    this.#days.set(day, rows);
    const name = JSON.stringify([model, prompt]);
    const row = rows.get(name);
    rows.set(name, {
      model,
      prompt,
      calls: (row?.calls ?? 0) + 1,
      inputTokens:
        (row?.inputTokens ?? 0) + whole(usage && inputTokensOf(usage)),
      outputTokens: (row?.outputTokens ?? 0) + whole(usage?.outputTokens),
      costNanoUsd: (row?.costNanoUsd ?? 0) + nanoUsd,
    });
  }

  /** By day, each with an id of its own: a repeated write counts once. */
  get writes() {
    return Array.from(this.#days, ([day, rows]) => ({
      day,
      writeId: randomUUID(),
      rows: [...rows.values()],
    }));
  }
}
