import type { Bundle } from "./bundle.ts";
import {
  type Contenders,
  type PerContender,
  perContender,
} from "./contenders.ts";
import type { Measured } from "./measure.ts";
import { figures } from "./statistics.ts";

export type Unit = "ms" | "kB" | "/s";

export function quantity(value: number, unit: Unit): string {
  const shown = value < 10 ? value.toFixed(2) : value.toFixed(0);
  return unit === "/s" ? shown : `${shown} ${unit}`;
}

export function table(
  head: readonly string[],
  lines: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [head, head.map(() => "---"), ...lines].map(line).join("\n");
}

/** A row of a table: its cells, and the ratios to the first contender that they show. */
export interface Ratios<Name extends string> {
  readonly cells: PerContender<Name, string>;
  readonly ratios: PerContender<Name, number>;
}

export function bundleRatios<Name extends string>(
  contenders: Contenders<Name>,
  bundles: PerContender<Name, Bundle>,
): Ratios<Name> {
  const [baseline] = contenders;
  const ratios = perContender(
    contenders,
    (contender) => bundles[contender].bytes / bundles[baseline].bytes,
  );
  return {
    ratios,
    cells: perContender(
      contenders,
      (contender) =>
        `${ratios[contender].toFixed(2)} (${quantity(bundles[contender].bytes / 1_000, "kB")})`,
    ),
  };
}

export function measuredRatios<Name extends string>(
  { contenders, rounds }: Measured<Name>,
  metric: string,
  unit: Unit = "ms",
): Ratios<Name> {
  const results = figures(contenders, rounds, metric);
  return {
    ratios: perContender(contenders, (contender) => results[contender].ratio),
    cells: perContender(contenders, (contender) => {
      const { median, ratio, low, high } = results[contender];
      const spread =
        contender === contenders[0]
          ? "1"
          : `${ratio.toFixed(2)} [${low.toFixed(2)} to ${high.toFixed(2)}]`;
      return `${spread} (${quantity(median, unit)})`;
    }),
  };
}

export function partsTable<Name extends string>(
  contenders: Contenders<Name>,
  bundles: PerContender<Name, Bundle>,
): string {
  const [baseline] = contenders;
  const names = new Set(
    contenders.flatMap((contender) => [...bundles[contender].parts.keys()]),
  );
  const total = bundles[baseline].bytes;
  return table(
    ["bytes of the bundle", ...contenders, `share of ${baseline}`],
    [...names].map((name) => {
      const bytes = contenders.map(
        (contender) => bundles[contender].parts.get(name) ?? 0,
      );
      const share = ((bytes.at(-1) ?? 0) / total) * 100;
      return [name, ...bytes.map(String), `${share.toFixed(1)} %`];
    }),
  );
}
