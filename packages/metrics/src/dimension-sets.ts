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

/** The sets of dimensions by which there are figures. */
export interface FigureSets {
  readonly fixed: Dimensions;
  /** The names of the fixed ones: the set of what is over everything. */
  readonly overall: readonly string[];
  /** The others, without the fixed ones. */
  readonly chosen: readonly (readonly string[])[];
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
  const overall = Object.keys(fixedDimensions);
  const known: readonly string[] = [...DIMENSIONS, ...(own ?? [])];
  const names = dimensions.flat();
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined && own !== undefined)
    throw new ConfigurationError(
      `${owner}: there is no dimension "${unknown}". Dimensions: ${known.join(", ")}. For one of your own give \`dimensionsOf\`.`,
    );
  const taken =
    [...overall, ...(own ?? [])].find((name) =>
      [...RESERVED, ...DIMENSIONS].includes(name),
    ) ?? names.find((name) => overall.includes(name));
  if (taken !== undefined)
    throw new ConfigurationError(
      `${owner}: the dimension "${taken}" needs another name: there is one of this name, or something else in the documents has it.`,
    );
  const sets = dimensions.map((one) =>
    JSON.stringify(typeof one === "string" ? [one] : [...new Set(one)].sort()),
  );
  const chosen = [...new Set(sets)].map((set): string[] => JSON.parse(set));
  const most = Math.max(...[...chosen, [ERROR_TYPE]].map((set) => set.length));
  if (overall.length + most > MAX_DIMENSIONS)
    throw new ConfigurationError(
      `${owner}: a metric has at most ${MAX_DIMENSIONS} dimensions, the fixed ones and one for the code of an error included.`,
    );
  return { fixed: fixedDimensions, overall, chosen };
}
