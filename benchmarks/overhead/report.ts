import type { Bundle } from "../shared/bundle.ts";
import type { Measured, Memory } from "../shared/measure.ts";
import {
  bundleRatios,
  measuredRatios,
  type Ratios,
  table,
  type Unit,
} from "../shared/report.ts";
import { CONTENDERS, type Contender, type PerHandler } from "./contenders.ts";

/** What `lambdallm` is to stay below, as a ratio to the hand-written handler. */
export interface Aim {
  readonly limit: number;
  readonly inclusive: boolean;
}

export const AIMS: Readonly<Record<"warm" | "coldStart" | "bundle", Aim>> = {
  warm: { limit: 1, inclusive: false },
  coldStart: { limit: 1.05, inclusive: true },
  bundle: { limit: 1.1, inclusive: true },
};

export interface Row extends Ratios<Contender> {
  readonly name: string;
  readonly aim?: Aim | undefined;
}

export function bundleRow(name: string, bundles: PerHandler<Bundle>): Row {
  return { name, ...bundleRatios(CONTENDERS, bundles), aim: AIMS.bundle };
}

export function measuredRow(
  name: string,
  measured: Measured<Contender>,
  metric: string,
  { unit, aim }: { readonly unit?: Unit; readonly aim?: Aim } = {},
): Row {
  return { name, ...measuredRatios(measured, metric, unit), aim };
}

function verdict({ ratios, aim }: Row): string {
  if (aim === undefined) return "";
  const ratio = ratios.lambdallm;
  const met = aim.inclusive ? ratio <= aim.limit : ratio < aim.limit;
  return `${aim.inclusive ? "at most" : "below"} ${aim.limit.toFixed(2)}: ${met ? "met" : "**missed**"}`;
}

export function ratioTable(rows: readonly Row[]): string {
  return table(
    ["", ...CONTENDERS, "aim"],
    rows.map((row) => [
      row.name,
      ...CONTENDERS.map((contender) => row.cells[contender]),
      verdict(row),
    ]),
  );
}

export function memoryTable(
  [first, last]: readonly [number, number],
  results: readonly (readonly [string, PerHandler<Memory>])[],
): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  return table(
    [
      "MB after a collection",
      "contender",
      `RSS after ${first} calls`,
      `heap after ${first} calls`,
      `RSS growth to ${last}`,
      `heap growth to ${last}`,
    ],
    results.flatMap(([name, memory]) =>
      CONTENDERS.map((contender) => {
        const { rss, heapUsed, rssGrowth, heapGrowth } = memory[contender];
        const numbers = [rss, heapUsed, rssGrowth, heapGrowth];
        return [name, contender, ...numbers.map(megabytes)];
      }),
    ),
  );
}
