import { modelName } from "@lambdallm/core/feature";
import {
  type RouteCircumstances,
  type RoutedRequest,
  readCall,
} from "./facts.ts";
import { estimateModel, type RankedModel, rank } from "./ranking.ts";
import type { RouterSettings } from "./settings.ts";

/** Where a call goes, and why. */
export interface RouteExplanation {
  /** Undefined when no model fits; the call then fails with a ConfigurationError. */
  readonly model: string | undefined;
  /** Why this model, or why none. It has nothing of a prompt in it. */
  readonly reason: string;
  /** Which of `rules` decided, counted from 0; undefined when the strategy did. */
  readonly rule: number | undefined;
  /** Every one of `models`: those that fit, the best first, then the others. */
  readonly ranking: readonly RankedModel[];
}

/** What becomes of a request: the first rule that matches and whose model fits, else the best model of the ranking. */
export function decide(
  request: RoutedRequest,
  { region, now = Date.now(), ...circumstances }: RouteCircumstances,
  settings: RouterSettings,
): RouteExplanation {
  const place = { region, now };
  const call = readCall(request, circumstances);
  const ranking = rank(call, place, settings);
  const passedOver: string[] = [];
  const because = (why: string) => [why, ...passedOver].join("; ");

  for (const [rule, { name, model, matches }] of settings.rules.entries()) {
    if (!matches(call.facts)) continue;
    const { fits, misfits } = estimateModel(model, call, place, settings);
    if (fits)
      return { model, reason: because(`${name} matches`), rule, ranking };
    passedOver.push(`${name} matches, but ${shortly(model, misfits)}`);
  }

  const [best] = ranking;
  const model = best?.fits ? best.model : undefined;
  const fitting = ranking.filter(({ fits }) => fits).length;
  const reason =
    model === undefined
      ? `no model fits: ${ranking.map((each) => shortly(each.model, each.misfits)).join("; ")}`
      : `${settings.strategy}: ${fitting} of ${ranking.length} models fit`;
  return { model, reason: because(reason), rule: undefined, ranking };
}

function shortly(model: string, misfits: readonly string[]): string {
  return `${modelName(model)} does not fit (${misfits.join(", ")})`;
}
