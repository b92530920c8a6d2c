import type { ContentBlock, Message, ToolUseBlock } from "@lambdallm/core";
import { cleanMessage, type Draft, hasSubstance, type Part } from "./clean.ts";
import type { Repair, RepairProblem, Report } from "./repair-problem.ts";

/**
 * Any stored messages as a history that models take: it begins with a user's message, the roles alternate, and every tool
 * call is followed by its result.
 */
export class RepairedMessages {
  readonly repairs: readonly Repair[];
  readonly #drafts: readonly Draft[];

  /** @param hasOlder There are older messages, so that the first ones may belong to an exchange that is cut. */
  constructor(
    stored: readonly unknown[],
    { hasOlder }: { readonly hasOlder: boolean },
  ) {
    const repairs: Repair[] = [];
    const report: Report = (index, problem) => {
      repairs.push({ index, problem });
    };
    const conversation = new Conversation([], report, hasOlder);
    conversation.addAll(stored);
    this.repairs = repairs;
    this.#drafts = conversation.drafts;
  }

  /**
   * These messages, with others that come after them.
   *
   * @param question The message that comes next. Without it, the calls of the last answer are left open.
   */
  followedBy(
    added: readonly unknown[],
    question: Message | undefined,
  ): readonly Message[] {
    const conversation = new Conversation(this.#drafts, () => {}, false);
    conversation.addAll(added);
    if (question !== undefined) conversation.closeCalls(resultIds(question));
    return conversation.toMessages(question);
  }
}

class Conversation {
  readonly #drafts: { readonly role: Draft["role"]; readonly parts: Part[] }[];
  readonly #report: Report;
  readonly #hasOlder: boolean;

  constructor(drafts: readonly Draft[], report: Report, hasOlder: boolean) {
    this.#drafts = drafts.map(({ role, parts }) => ({
      role,
      parts: [...parts],
    }));
    this.#report = report;
    this.#hasOlder = hasOlder;
  }

  get drafts(): readonly Draft[] {
    return this.#drafts;
  }

  addAll(stored: readonly unknown[]): void {
    for (const [index, message] of stored.entries())
      for (const draft of cleanMessage(message, index, this.#report))
        this.#add(draft);
  }

  #add(draft: Draft): void {
    if (draft.role === "user") this.#addQuestion(draft.parts);
    else this.#addAnswer(draft.parts);
  }

  #addQuestion(parts: readonly Part[]): void {
    const called = new Set(callsOf(this.#drafts.at(-1)).map(idOf));
    const results: Part[] = [];
    const others: Part[] = [];
    for (const part of parts) {
      const id = resultId(part.block);
      if (id === undefined) others.push(part);
      // A second result of the same call is one too many.
      else if (called.delete(id)) results.push(part);
      else this.#reportOrphan(part.index, "tool-result-without-use");
    }
    this.closeCalls(new Set(results.map(({ block }) => resultId(block))));
    // Models want the results first.
    this.#append("user", [...results, ...others]);
  }

  #addAnswer(parts: readonly Part[]): void {
    const [first] = this.#drafts;
    if (first === undefined) {
      for (const { index } of parts.slice(0, 1))
        this.#reportOrphan(index, "answer-without-question");
      return;
    }
    const known = new Set(callsOf(this.#drafts.at(-1)).map(idOf));
    const kept = parts.filter(({ block, index }) => {
      const id = callId(block);
      if (id === undefined || !known.has(id)) {
        known.add(id);
        return true;
      }
      this.#report(index, "broken-block");
      return false;
    });
    this.#append("assistant", kept);
  }

  /** Leaves out the last message's tool calls that nobody answers. */
  closeCalls(answered: ReadonlySet<string | undefined>): void {
    const last = this.#drafts.at(-1);
    const open = callsOf(last).filter((part) => !answered.has(idOf(part)));
    if (last === undefined || open.length === 0) return;
    for (const { index } of open)
      this.#report(index, "tool-use-without-result");
    this.#drafts.pop();
    this.#append(
      last.role,
      last.parts.filter((part) => !open.includes(part)),
    );
  }

  /** At the cut, what a message belongs to was not read. */
  #reportOrphan(index: number, problem: RepairProblem): void {
    if (!this.#hasOlder || this.#drafts.length > 0)
      this.#report(index, problem);
  }

  #append(role: Draft["role"], parts: readonly Part[]): void {
    if (!hasSubstance(parts)) return;
    const last = this.#drafts.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else this.#drafts.push({ role, parts: [...parts] });
  }

  toMessages(question: Message | undefined): Message[] {
    const messages = this.#drafts.map(({ role, parts }) => ({
      role,
      content: parts.map(({ block }) => block),
    }));
    // Reasoning belongs to the exchange that it is part of; the model that signed it need not be the next one.
    const current =
      question !== undefined && isPlainQuestion(question)
        ? messages.length
        : messages.findLastIndex(isPlainQuestion);
    return messages.map((message, index) =>
      index < current ? withoutReasoning(message) : message,
    );
  }
}

/** Where a history can begin: a user's message that answers no tool call. */
export function isPlainQuestion({ role, content }: Message): boolean {
  return (
    role === "user" && content.every((block) => resultId(block) === undefined)
  );
}

/** The messages of a request: two of the same role in a row become one. */
export function withQuestion(
  history: readonly Message[],
  question: Message,
): Message[] {
  const last = history.at(-1);
  if (last?.role !== question.role) return [...history, question];
  const content = [...last.content, ...question.content];
  return [...history.slice(0, -1), { role: question.role, content }];
}

function withoutReasoning({ role, content }: Message): Message {
  return {
    role,
    content: content.filter((block) => !("reasoningContent" in block)),
  };
}

/** Tool calls that the caller has to answer; those with a `type` are the service's own, and it answers them itself. */
function callsOf(draft: Draft | undefined): readonly Part[] {
  if (draft?.role !== "assistant") return [];
  return draft.parts.filter(({ block }) => callId(block));
}

function callId(block: ContentBlock): string | undefined {
  return "toolUse" in block ? ownId(block.toolUse) : undefined;
}

function resultId(block: ContentBlock): string | undefined {
  return "toolResult" in block ? ownId(block.toolResult) : undefined;
}

function ownId({
  toolUseId,
  type,
}: Pick<ToolUseBlock, "toolUseId" | "type">): string | undefined {
  return type === undefined ? toolUseId : undefined;
}

function idOf({ block }: Part): string | undefined {
  return callId(block);
}

function resultIds({ content }: Message): ReadonlySet<string | undefined> {
  return new Set(content.map(resultId));
}
