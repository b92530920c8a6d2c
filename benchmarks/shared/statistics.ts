import { BASELINE, CONTENDERS, type PerContender } from "./contenders.ts";

/** What one contender did in one round. */
export interface Sample {
  readonly wallMs: number;
  readonly [metric: string]: number;
}

export type Round = PerContender<Sample>;

/** A round takes this much longer than usual when something else used the machine. */
const DISTURBED = 1.5;

export interface Figure {
  readonly median: number;
  /** Median of the rounds' ratios to the baseline, and their quartiles. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position % 1);
}

export const median = (values: readonly number[]): number =>
  quantile(values, 0.5);

/**
 * The rounds in which no contender took longer than 1.5 times its own median: a disturbed round is thrown away for
 * all of them, whoever it hit.
 */
export function undisturbed(rounds: readonly Round[]): readonly Round[] {
  return rounds.filter((round) =>
    CONTENDERS.every(
      (contender) =>
        round[contender].wallMs <=
        DISTURBED * median(rounds.map((other) => other[contender].wallMs)),
    ),
  );
}

/** Ratios are taken within a round, because the machine is not equally fast in all of them. */
export function figures(
  rounds: readonly Round[],
  metric: string,
): PerContender<Figure> {
  const figureOf = (contender: keyof Round): Figure => {
    const values = rounds.map((round) => round[contender][metric] ?? NaN);
    const ratios = rounds.map(
      (round, index) =>
        (values[index] ?? NaN) / (round[BASELINE][metric] ?? NaN),
    );
    return {
      median: median(values),
      ratio: median(ratios),
      low: quantile(ratios, 0.25),
      high: quantile(ratios, 0.75),
    };
  };
  return {
    "hand-written": figureOf("hand-written"),
    "keep-alive": figureOf("keep-alive"),
    lambdallm: figureOf("lambdallm"),
  };
}
