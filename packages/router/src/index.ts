import { ConfigurationError, type ConverseRequest } from "@lambdallm/core";
import {
  check,
  type Invocation,
  invocationOf,
  type MiddyMiddleware,
  type MiddyRequest,
  type ModelRequest,
  validateOptions,
  withModel,
} from "@lambdallm/core/feature";
import { decide, type RouteExplanation } from "./decide.ts";
import type { RouteCircumstances } from "./facts.ts";
import { type RouterOptions, settingsOf } from "./settings.ts";

export type { RouteExplanation } from "./decide.ts";
export type { RouteCircumstances, RouteFacts } from "./facts.ts";
export type { RankedModel } from "./ranking.ts";
export type { RouterRule } from "./rules.ts";
export type { RouterOptions, RouterStrategy } from "./settings.ts";
export type { QualityTier } from "./tiers.ts";

/** The middleware, which can also be asked what it would do. */
export interface Router extends Required<Pick<MiddyMiddleware, "before">> {
  /**
   * What would become of a call, without making it: the decision, its reason, and how every model stands. A string is a
   * prompt as it is sent. A `model` in the request is ignored.
   *
   * @param circumstances What an invocation would bring: budget, time, Region, date.
   * @throws {ConfigurationError} The request is neither a string nor has messages; a function of `rules` failed.
   * @example
   * const { model, reason, ranking } = routing.explain("Summarize: ...", { budgetShareLeft: 0.2 });
   */
  explain(
    request: string | ConverseRequest,
    circumstances?: RouteCircumstances,
  ): RouteExplanation;
}

declare module "@lambdallm/core/feature" {
  interface InvocationEvents {
    /** The router has chosen the model of a call. */
    route: RouteExplanation & {
      readonly callId: number;
      readonly model: string;
    };
  }
}

const circumstanceChecks = {
  budgetShareLeft: check.zeroToOne,
  // Lambda's own can be negative, and is Infinity outside of it.
  remainingTimeMs: (value: unknown) =>
    typeof value === "number" && !Number.isNaN(value) ? undefined : "a number",
  region: check.text,
  now: check.atLeastZero,
};

/** @throws {ConfigurationError} naming the option that is missing, does not exist or has a wrong value. */
export function routerValidateOptions(options: unknown): void {
  settingsOf(options);
}

/**
 * Chooses the model of each call: by rules, by what the call needs, by price, quality and the budget that is left. Goes
 * anywhere after the provider's middleware. A call that names a model of its own goes there.
 *
 * @throws {ConfigurationError} once, at cold start, for options that are wrong; from a call that no model fits.
 * @example
 * export const handler = middy()
 *   .use(bedrock())
 *   .use(router({ models: [Model.NOVA_LITE, Model.CLAUDE_SONNET_4_6], qualityThreshold: 2 }))
 *   .handler(async (event, context) => context.invoke("Summarize:\n\n{text}", { text: event.text }));
 */
export function router(options: RouterOptions): Router {
  const settings = settingsOf(options);

  const routerBefore = async ({ context }: MiddyRequest): Promise<void> => {
    const invocation = invocationOf(context, "router");
    invocation.intercept("call", "router", async (request, next, call) => {
      if (isBoundToModel(request, invocation)) return next(request);
      const decision = decide(request, circumstancesOf(request), settings);
      const { model, reason } = decision;
      if (model === undefined)
        throw new ConfigurationError(`router: ${reason}.`);
      invocation.events.emit("route", { ...call, ...decision, model });
      const response = await next(withModel(request, model));
      // An inner router has the last word.
      const tags = { "route.model": model, "route.reason": reason };
      return { ...response, tags: { ...tags, ...response.tags } };
    });

    function circumstancesOf({ deadline }: ModelRequest): RouteCircumstances {
      const untilDeadlineMs = (deadline ?? Infinity) - Date.now();
      return {
        budgetShareLeft: invocation.budgetShareLeft(),
        remainingTimeMs: Math.min(invocation.remainingTimeMs, untilDeadlineMs),
        region: invocation.provider.region,
      };
    }
  };

  const explain: Router["explain"] = (request, circumstances = {}) => {
    validateOptions("router.explain", circumstanceChecks, circumstances);
    const asked: ConverseRequest =
      typeof request === "string"
        ? { messages: [{ role: "user", content: [{ text: request }] }] }
        : request;
    if (!Array.isArray(asked?.messages))
      throw new ConfigurationError(
        "router.explain: give a prompt, or a request that has messages.",
      );
    return decide(asked, circumstances, settings);
  };

  return { before: routerBefore, explain };
}

/** The developer chose the model; or it is a managed prompt, which brings its own. */
function isBoundToModel(
  { model, bedrock }: ModelRequest,
  { defaults }: Invocation,
): boolean {
  return model !== defaults.model || bedrock?.promptVariables !== undefined;
}

export default router;
