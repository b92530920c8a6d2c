import {
  invocationOf,
  type MiddyMiddleware,
  type Operation,
  type OperationOutcome,
} from "@lambdallm/core/feature";

/** What observers of an invocation see: its operations, each with those around it, when they begin and how they end. */
export function watchingOperations() {
  const seen: string[] = [];
  const operations: Operation[] = [];
  const outcomes: OperationOutcome[] = [];
  const nameOf = (operation: Operation): string => {
    const { kind, parent } = operation;
    const own = "name" in operation ? ` ${operation.name}` : "";
    return `${parent ? `${nameOf(parent)} > ` : ""}${kind}${own}`;
  };
  const middleware: Required<Pick<MiddyMiddleware, "before">> = {
    before: async ({ context }) => {
      invocationOf(context).operations.observe((operation) => {
        operations.push(operation);
        seen.push(nameOf(operation));
        return {
          end: (outcome) => {
            outcomes.push(outcome);
            seen.push(`${nameOf(operation)}: ${outcome.status}`);
          },
        };
      });
    },
  };
  return {
    middleware,
    operations,
    outcomes,
    /** In the order of their beginnings. */
    get begun() {
      return seen.filter((line) => !line.includes(":"));
    },
    /** In the order of their ends. */
    get ended() {
      return seen.filter((line) => line.includes(":"));
    },
  };
}
