import bedrock from "@lambdallm/bedrock";
import checkpoint, {
  listSuspended,
  type StepStores,
  submitAnswer,
} from "@lambdallm/checkpoint";
import { ConfigurationError, Model } from "@lambdallm/core";
import retryFallback from "@lambdallm/retry-fallback";
import timeoutGuard from "@lambdallm/timeout-guard";
import middy from "@middy/core";
import { type ResearchOptions, researchAgent } from "./agent.ts";

export interface ResearchEvent {
  /** Begins a run. */
  readonly question?: string;
  /** Resumes one. */
  readonly runId?: string;
}

export interface DecideEvent {
  readonly token: string;
  readonly answer: unknown;
}

export interface WaitingEvent {
  /** The `next` of the page before. */
  readonly after?: string;
}

interface Stored {
  readonly store: StepStores;
}

/**
 * Answers `{ question }`. When the time is over, or somebody has to approve, it answers 202 with the run's id, and `{ runId }`
 * goes on with it; so does the same invocation that Lambda tries again.
 */
export function researchHandler({
  store,
  ...options
}: ResearchOptions & Stored) {
  const agent = researchAgent(options);
  return middy<ResearchEvent>()
    .use(bedrock({ model: Model.CLAUDE_HAIKU_4_5, maxTokens: 1_000 }))
    .use(timeoutGuard({ strategy: "checkpoint" }))
    .use(retryFallback({ maxRetries: 2 }))
    .use(
      checkpoint<ResearchEvent>({
        store,
        idempotencyKey: (_event, { awsRequestId }) => awsRequestId,
        // A process that has died is missed soon.
        leaseMs: 3_000,
      }),
    )
    .handler(async (event, context) => {
      // Recorded: the event that resumes the run does not say it again.
      const question = await context.journal.step("question", async () =>
        questionIn(event),
      );
      const result = await agent.run(question, context);
      const { answer, status, reason, totalCostUsd: costUsd } = result;
      return { answer, status, reason, costUsd };
    });
}

/** `{ after? }`: the runs that wait, page by page, and what for. Only the desk has the tokens. */
export function waitingHandler({ store }: Stored) {
  return async ({ after }: WaitingEvent) => listSuspended({ store, after });
}

/** `{ token, answer }`, from the desk: answers the question, and tells which run can go on. */
export function decideHandler({ store }: Stored) {
  return async ({ token, answer }: DecideEvent) =>
    submitAnswer({ store, token, answer });
}

function questionIn({ question }: ResearchEvent): string {
  if (typeof question === "string" && question.trim() !== "") return question;
  throw new ConfigurationError('Send { "question": "..." }.');
}
