import { ConfigurationError, type ModelId } from "@lambdallm/core";
import {
  check,
  type OptionCheck,
  validateOptions,
} from "@lambdallm/core/feature";
import { type CompiledRule, compileRule, type RouterRule } from "./rules.ts";
import { knownAs, type QualityTier, TIERS } from "./tiers.ts";

/** How the models are ranked that fit. */
export type RouterStrategy = "cheapest" | "quality" | "balanced";

export interface RouterOptions {
  /** The models to choose from: model ids, inference profile ids or ARNs. Of models that are equal the first one is taken. */
  readonly models: readonly ModelId[];
  /**
   * `cheapest`: the lowest estimated cost. `quality`: the highest tier, then the lowest cost. `balanced`: the best of both,
   * and the less of the budget is left, the cheaper.
   * @default "cheapest"
   */
  readonly strategy?: RouterStrategy | undefined;
  /** Decide before the strategy does: the first one that matches, and whose model fits. @default none */
  readonly rules?: readonly RouterRule[] | undefined;
  /** The lowest quality tier that the strategy may take. @default 1 */
  readonly qualityThreshold?: QualityTier | undefined;
  /** Your own tiers, by model id with or without an inference profile's prefix. @default this package's table */
  readonly quality?: Readonly<Record<string, QualityTier>> | undefined;
  /** Tokens of a usual answer, for the estimated cost. @default the call's `maxTokens`, else 500 */
  readonly expectedOutputTokens?: number | undefined;
  /**
   * Whether a call for an answer in a shape may go only to models whose own structured output the catalog knows of.
   * Otherwise they come first among models that are equal: the others get there by a tool.
   * @default false
   */
  readonly requireNativeOutput?: boolean | undefined;
}

/** The options, read once. */
export interface RouterSettings {
  readonly models: readonly string[];
  readonly strategy: RouterStrategy;
  readonly rules: readonly CompiledRule[];
  readonly qualityThreshold: QualityTier;
  readonly quality: ReadonlyMap<string, QualityTier>;
  readonly expectedOutputTokens: number | undefined;
  readonly requireNativeOutput: boolean;
}

const isTier: OptionCheck = check.oneOf(...TIERS);

const checks = {
  models: check.array,
  strategy: check.oneOf("cheapest", "quality", "balanced"),
  rules: check.array,
  qualityThreshold: isTier,
  quality: check.recordOf(isTier, `an object of tiers: ${TIERS.join(", ")}`),
  expectedOutputTokens: check.positiveInteger,
  requireNativeOutput: check.boolean,
};

/** @throws {ConfigurationError} naming what is missing, does not exist or has a wrong value, and what to do. */
export function settingsOf(options: unknown): RouterSettings {
  validateOptions("router", checks, options);
  // validateOptions has checked every option that is given, and checkModels the one that has to be.
  const given = options as RouterOptions;
  const { models, rules = [], quality = {} } = given;
  checkModels(models);
  const compiled = rules.map(compileRule);
  checkQuality(quality, [...models, ...compiled.map(({ model }) => model)]);
  return {
    models: [...models],
    rules: compiled,
    strategy: given.strategy ?? "cheapest",
    qualityThreshold: given.qualityThreshold ?? 1,
    quality: new Map(Object.entries(quality)),
    expectedOutputTokens: given.expectedOutputTokens,
    requireNativeOutput: given.requireNativeOutput ?? false,
  };
}

function checkModels(models: readonly unknown[] | undefined): void {
  if (models === undefined || models.length === 0)
    throw new ConfigurationError(
      'router: the option "models" needs at least one model to choose from.',
    );
  for (const [index, model] of models.entries()) {
    if (check.text(model) !== undefined)
      throw new ConfigurationError(
        `router: models[${index}] must be ${check.text(model)}.`,
      );
    if (models.indexOf(model) < index)
      throw new ConfigurationError(
        `router: models[${index}] is "${model}" a second time; leave it out.`,
      );
  }
}

/** A tier under a misspelt id would be ignored. */
function checkQuality(quality: object, models: readonly string[]): void {
  for (const name of Object.keys(quality))
    if (!models.some((model) => knownAs(model).includes(name)))
      throw new ConfigurationError(
        `router: the option "quality" has a tier for "${name}", which is in neither "models" nor "rules".`,
      );
}
