import { chain } from "@lambdallm/chain";
import { createError } from "@middy/util";

export interface ReviewInput {
  readonly text: string;
  /** What the briefing is to be written in. */
  readonly language: string;
}

/**
 * Summary, facts and risks are read out of a document at the same time; the briefing joins them, and is translated when it has to be. It
 * knows nothing of where it runs.
 */
export const review = chain<ReviewInput>("review", { maxTotalCostUsd: 0.5 })
  .step({
    name: "summary",
    prompt: "Summarize this document in three sentences.\n\n{text}",
  })
  .step({
    name: "facts",
    prompt: "List the parties, amounts and dates of this document.\n\n{text}",
    outputSchema: {
      parties: ["string"],
      amounts: ["string"],
      dates: ["string"],
    },
  })
  .step({
    name: "risks",
    prompt: "Name the three largest risks of this document.\n\n{text}",
    retries: 2,
  })
  .step({
    name: "briefing",
    prompt:
      "Write a briefing.\n\nSummary: {summary.output}\n\nParties: {facts.output.parties}\nDates: {facts.output.dates}\n\nRisks: {risks.output}",
  })
  .step({
    name: "translation",
    prompt: "Translate into {language}:\n\n{briefing.output}",
    needs: [],
    condition: ({ variables: { language } }) => language !== "English",
  });

/** @throws an error with the status 400 for what is no input. */
export function inputOf(given: unknown): ReviewInput {
  const { text, language = "English" }: Record<string, unknown> = {
    ...Object(given),
  };
  if (
    typeof text === "string" &&
    text.trim() !== "" &&
    typeof language === "string"
  )
    return { text, language };
  throw createError(
    400,
    "Send { text: a non-empty string, language?: a string }.",
    { expose: true },
  );
}

/** The end of a review for its caller. */
export async function reviewed(
  running: ReturnType<typeof review.run>,
): Promise<{
  readonly briefing: string;
  readonly costUsd: number | undefined;
}> {
  const { error, outputs, totalCostUsd } = await running;
  if (error) throw error;
  const { briefing = "", translation = briefing } = outputs;
  return { briefing: translation, costUsd: totalCostUsd };
}
