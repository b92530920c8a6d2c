import {
  callFacts,
  type Invocation,
  type OperationOutcome,
  type ProgramOperation,
} from "@lambdallm/core/feature";
import { errorFacts, type Fields, valuesOf } from "./facts.ts";
import type { Recorder } from "./recorder.ts";

/** Records chains, agents, tools and steps at their end. */
export function recordPrograms(
  { events }: Invocation,
  recorder: Recorder,
): void {
  events.on("operation-end", ({ operation, outcome, durationMs }) => {
    const { kind } = operation;
    const result = outcome.status === "suspended" ? undefined : outcome.result;
    recorder.write(
      `${kind}-${outcome.status === "failed" ? "error" : "end"}`,
      () => ({
        ...callFacts({}, operation),
        ...ownFacts(operation),
        ...outcomeFacts(kind, outcome, Object(result)),
        durationMs,
      }),
      () =>
        kind === "tool"
          ? recorder.content.ofTool(operation.input, Object(result).content)
          : {},
    );
  });
}

function ownFacts(operation: ProgramOperation): Fields {
  switch (operation.kind) {
    case "chain":
      return {};
    case "agent":
      return valuesOf(operation, ["model", "conversationId"]);
    case "tool":
      return valuesOf(operation, ["agent", "toolUseId"]);
    case "step":
      return {
        ...valuesOf(operation, ["position", "attempt"]),
        starts: operation.start,
      };
  }
}

function outcomeFacts(
  kind: ProgramOperation["kind"],
  outcome: OperationOutcome,
  result: Readonly<Record<string, unknown>>,
): Fields {
  const { status } = outcome;
  if (status === "failed") return { status, ...errorFacts(outcome.error) };
  // Agents and chains have more than one way to end well.
  const ofProgram = kind === "agent" || kind === "chain";
  return {
    status,
    ...(ofProgram && valuesOf(result, ["status", "iterations", "toolCalls"])),
  };
}
