/** What was wrong with a stored message. */
export type RepairProblem =
  /** Not a message of a user or an assistant, or its content is no list. */
  | "broken-message"
  /** No content block, or one at a place where it cannot be. */
  | "broken-block"
  | "tool-use-without-result"
  | "tool-result-without-use"
  | "document-without-text"
  /** The history begins with an answer. */
  | "answer-without-question";

export interface Repair {
  /** The position of the message. */
  readonly index: number;
  readonly problem: RepairProblem;
}

export type Report = (index: number, problem: RepairProblem) => void;
