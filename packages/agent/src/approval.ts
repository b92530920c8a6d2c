import { type Journal, StepFailure } from "@lambdallm/core";
import { isObject } from "@lambdallm/core/feature";
import type { AgentTool } from "./tool.ts";
import type { ApprovalRequest, OnApproval } from "./types.ts";

export type Decision =
  | { readonly decision: "approve" }
  | { readonly decision: "edit"; readonly input: unknown }
  | { readonly decision: "reject"; readonly reason: string };

/** A call that somebody may have to approve of. Its input has been validated. */
export interface ApprovalCase {
  readonly journal: Journal;
  readonly tool: AgentTool;
  readonly input: unknown;
  readonly toolUseId: string;
  readonly agent: string;
  readonly onApproval: OnApproval | undefined;
  readonly timeoutMs: number | undefined;
}

const LONGEST_REASON = 2_000;

/**
 * Asks whether a call may be made, if the tool wants that. Each call is a question of its own, with a token of its own.
 *
 * @throws {Suspended} Nobody has answered yet.
 */
export async function decisionOn(given: ApprovalCase): Promise<Decision> {
  const { journal, tool, input, toolUseId, agent, onApproval } = given;
  const { timeoutMs } = given;
  if (!(await needsApproval(given))) return { decision: "approve" };
  const request: Omit<ApprovalRequest, "token"> = {
    tool: tool.name,
    input,
    toolUseId,
    runId: journal.runId,
    agent,
  };
  try {
    const answer = await journal.ask<unknown>(
      `approve ${tool.name}`,
      async (token) => onApproval?.({ ...request, token }),
      { timeoutMs },
    );
    return decisionIn(answer);
  } catch (error) {
    if (!StepFailure.isInstance(error) || error.code !== "ASK_TIMEOUT")
      throw error;
    return { decision: "reject", reason: "Nobody has approved of it in time." };
  }
}

async function needsApproval({
  journal,
  tool,
  input,
}: ApprovalCase): Promise<boolean> {
  const { needsApproval: needs, name } = tool;
  if (typeof needs === "boolean") return needs;
  return journal.step(`needs approval ${name}`, async () => {
    const needed: unknown = await needs(input);
    // Whatever else a function without types gives: somebody is asked.
    return needed !== false;
  });
}

/** What is no decision is none for the call: it may come from anybody who has the token. */
function decisionIn(answer: unknown): Decision {
  if (isObject(answer))
    switch (answer["decision"]) {
      case "approve":
        return { decision: "approve" };
      case "edit":
        if (Object.hasOwn(answer, "input"))
          return { decision: "edit", input: answer["input"] };
        break;
      case "reject":
        return { decision: "reject", reason: reasonIn(answer["reason"]) };
    }
  return {
    decision: "reject",
    reason: "The answer to the question for approval was none.",
  };
}

function reasonIn(reason: unknown): string {
  return typeof reason === "string" && reason.trim() !== ""
    ? reason.slice(0, LONGEST_REASON)
    : "No reason was given.";
}
