import { ConfigurationError } from "@lambdallm/core";
import { type OptionCheck, validateOptions } from "@lambdallm/core/feature";
import {
  type Dimensions,
  dimensionNameCheck,
  dimensionsCheck,
  MAX_DIMENSIONS,
} from "./emf/rules.ts";
import { ERROR_TYPE, FIGURES, REQUEST_ID, STOP_REASON } from "./figures.ts";

/** What figures can be told apart by, without further ado. */
export const DIMENSIONS = [
  "model",
  "prompt",
  "agent",
  "chain",
  "tool",
  "step",
] as const;

export type FigureDimension = (typeof DIMENSIONS)[number];

/** The part of the options that decides which metrics there are. */
export interface DimensionOptions {
  /**
   * What the figures are told apart by: each one gives every figure once more, by its values; an array of several gives it by
   * their values together. The figure over all of them is always there.
   * @default ["model"]
   */
  readonly dimensions?:
    | readonly (
        | FigureDimension
        | (string & {})
        | readonly (FigureDimension | (string & {}))[]
      )[]
    | undefined;
  /** Those that every metric has, such as the service and the stage. @default none */
  readonly fixedDimensions?: Dimensions | undefined;
}

const RESERVED: readonly string[] = [
  ...Object.keys(FIGURES),
  ERROR_TYPE,
  STOP_REASON,
  REQUEST_ID,
];

const dimensionListCheck: OptionCheck = (value) => {
  const names = Array.isArray(value) ? value.flat() : [undefined];
  return names.every((name) => dimensionNameCheck(name) === undefined)
    ? undefined
    : "an array of names of dimensions, or of arrays of them";
};

export const dimensionChecks = {
  dimensions: dimensionListCheck,
  fixedDimensions: dimensionsCheck,
};

/** The sets of dimensions by which there are figures; the first one is that of the fixed ones alone. */
export interface FigureSets {
  readonly fixed: Dimensions;
  readonly sets: readonly (readonly string[])[];
}

/**
 * @param own Names of dimensions that exist beside the usual ones.
 * @throws {ConfigurationError} naming the option that is wrong.
 */
export function figureSets(
  owner: string,
  { dimensions = ["model"], fixedDimensions = {} }: DimensionOptions,
  own: readonly string[] | undefined,
): FigureSets {
  validateOptions(owner, dimensionChecks, { dimensions, fixedDimensions });
  const fixed = Object.keys(fixedDimensions);
  const known: readonly string[] = [...DIMENSIONS, ...(own ?? [])];
  const chosen = dimensions.flat();
  const unknown = chosen.find((name) => !known.includes(name));
  if (unknown !== undefined && own !== undefined)
    throw new ConfigurationError(
      `${owner}: there is no dimension "${unknown}". Dimensions: ${known.join(", ")}.`,
    );
  const taken = [...fixed, ...(own ?? [])].find((name) =>
    [...RESERVED, ...DIMENSIONS].includes(name),
  );
  const twice = chosen.find((name) => fixed.includes(name));
  if (taken !== undefined || twice !== undefined)
    throw new ConfigurationError(
      `${owner}: the dimension "${taken ?? twice}" needs another name: there is one of this name, or something else in the documents has it.`,
    );
  const sets = dimensions.map((one) =>
    typeof one === "string" ? [one] : [...new Set(one)].sort(),
  );
  const distinct = [...new Set(sets.map((set) => JSON.stringify(set)))];
  const all = [[], ...distinct.map((set): string[] => JSON.parse(set))];
  if (
    [...all, [ERROR_TYPE]].some(
      (set) => fixed.length + set.length > MAX_DIMENSIONS,
    )
  )
    throw new ConfigurationError(
      `${owner}: a metric has at most ${MAX_DIMENSIONS} dimensions, the fixed ones and one for the code of an error included.`,
    );
  return {
    fixed: fixedDimensions,
    sets: all.map((set) => [...fixed, ...set]),
  };
}
