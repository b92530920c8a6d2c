import {
  type Contenders,
  type PerContender,
  perContender,
} from "./contenders.ts";

/** What one contender did in one round. */
export interface Sample {
  readonly wallMs: number;
  readonly [metric: string]: number;
}

export type Round<Name extends string> = PerContender<Name, Sample>;

/** A round takes this much longer than usual when something else used the machine. */
const DISTURBED = 1.5;

export interface Figure {
  readonly median: number;
  /** Median of the rounds' ratios to the first contender, and their quartiles. */
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
export function undisturbed<Name extends string>(
  contenders: readonly Name[],
  rounds: readonly Round<Name>[],
): readonly Round<Name>[] {
  const limits = perContender(
    contenders,
    (contender) =>
      DISTURBED * median(rounds.map((round) => round[contender].wallMs)),
  );
  return rounds.filter((round) =>
    contenders.every(
      (contender) => round[contender].wallMs <= limits[contender],
    ),
  );
}

/** Ratios are taken within a round, because the machine is not equally fast in all of them. */
export function figures<Name extends string>(
  contenders: Contenders<Name>,
  rounds: readonly Round<Name>[],
  metric: string,
): PerContender<Name, Figure> {
  const [baseline] = contenders;
  return perContender(contenders, (contender) => {
    const values = rounds.map((round) => round[contender][metric] ?? NaN);
    const ratios = rounds.map(
      (round, index) =>
        (values[index] ?? NaN) / (round[baseline][metric] ?? NaN),
    );
    return {
      median: median(values),
      ratio: median(ratios),
      low: quantile(ratios, 0.25),
      high: quantile(ratios, 0.75),
    };
  });
}
