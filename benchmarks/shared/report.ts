import type { Bundle } from "./bundle.ts";
import { BASELINE, CONTENDERS, type PerContender } from "./contenders.ts";
import type { Measured, Memory } from "./measure.ts";
import { type Figure, figures } from "./statistics.ts";

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

export interface Row {
  readonly name: string;
  readonly cells: PerContender<string>;
  /** Of `lambdallm`. */
  readonly ratio: number;
  readonly aim?: Aim | undefined;
}

export type Unit = "ms" | "kB" | "/s";

function quantity(value: number, unit: Unit): string {
  const shown = value < 10 ? value.toFixed(2) : value.toFixed(0);
  return unit === "/s" ? shown : `${shown} ${unit}`;
}

export function bundleRow(name: string, bundles: PerContender<Bundle>): Row {
  const ratioOf = (contender: keyof typeof bundles) =>
    bundles[contender].bytes / bundles[BASELINE].bytes;
  const cell = (contender: keyof typeof bundles) =>
    `${ratioOf(contender).toFixed(2)} (${quantity(bundles[contender].bytes / 1_000, "kB")})`;
  return {
    name,
    cells: {
      "hand-written": cell("hand-written"),
      "keep-alive": cell("keep-alive"),
      lambdallm: cell("lambdallm"),
    },
    ratio: ratioOf("lambdallm"),
    aim: AIMS.bundle,
  };
}

export function measuredRow(
  name: string,
  { rounds }: Measured,
  metric: string,
  { unit = "ms", aim }: { readonly unit?: Unit; readonly aim?: Aim } = {},
): Row {
  const results = figures(rounds, metric);
  const cell = ({ median, ratio, low, high }: Figure) =>
    `${ratio.toFixed(2)} [${low.toFixed(2)} to ${high.toFixed(2)}] (${quantity(median, unit)})`;
  return {
    name,
    cells: {
      "hand-written": `1 (${quantity(results[BASELINE].median, unit)})`,
      "keep-alive": cell(results["keep-alive"]),
      lambdallm: cell(results.lambdallm),
    },
    ratio: results.lambdallm.ratio,
    aim,
  };
}

function verdict({ ratio, aim }: Row): string {
  if (aim === undefined) return "";
  const met = aim.inclusive ? ratio <= aim.limit : ratio < aim.limit;
  return `${aim.inclusive ? "at most" : "below"} ${aim.limit.toFixed(2)}: ${met ? "met" : "**missed**"}`;
}

function table(
  head: readonly string[],
  lines: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [head, head.map(() => "---"), ...lines].map(line).join("\n");
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

export function partsTable(bundles: PerContender<Bundle>): string {
  const names = new Set(
    CONTENDERS.flatMap((contender) => [...bundles[contender].parts.keys()]),
  );
  const total = bundles[BASELINE].bytes;
  return table(
    ["bytes of the bundle", ...CONTENDERS, "share of hand-written"],
    [...names].map((name) => {
      const bytes = CONTENDERS.map(
        (contender) => bundles[contender].parts.get(name) ?? 0,
      );
      const share = ((bytes.at(-1) ?? 0) / total) * 100;
      return [name, ...bytes.map(String), `${share.toFixed(1)} %`];
    }),
  );
}

export function memoryTable(
  [first, last]: readonly [number, number],
  results: readonly (readonly [string, PerContender<Memory>])[],
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
