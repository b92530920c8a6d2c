import type { ModelResponse } from "@lambdallm/core";
import {
  type CallInfo,
  type CallModel,
  type Invocation,
  type ModelRequest,
  type Region,
  unknownCost,
  worstCaseOf,
} from "@lambdallm/core/feature";
import { type BudgetUse, utcDayOf } from "@lambdallm/core/stores";
import { Alerts } from "./alerts.ts";
import {
  type Charge,
  type ChargeFacts,
  chargeOfAnswer,
  chargeOfFailure,
} from "./charge.ts";
import { cheaperOffers, type Offer } from "./downgrade.ts";
import { tellProblem } from "./events.ts";
import type { Hold, Ledger, Refused } from "./ledger.ts";
import { nanoOfPico, usdOf } from "./money.ts";
import { budgetExceeded, uncovered } from "./periods.ts";
import type { ScopeMemories } from "./scope-memory.ts";
import type { Settings } from "./settings.ts";
import type { SpendingLog } from "./spending-log.ts";
import type { CostTracker } from "./tracker.ts";

export interface GateOptions {
  readonly settings: Settings;
  readonly invocation: Invocation;
  readonly memories: ScopeMemories;
  readonly ledger: Ledger;
  readonly spending: SpendingLog;
  /** Those with limits, from narrow to wide. */
  readonly trackers: readonly CostTracker[];
  /** Where models may be called at the moment. */
  readonly regions: () => readonly Region[];
}

/** What was set aside for it. */
interface Admission extends Offer {
  readonly day: string;
  readonly holds: readonly Hold[];
}

/** The tag of an answer that a cheaper model gave: the model that was asked for. */
const DOWNGRADED = "budget.downgradedFrom";

/** Lets the attempts of an invocation through as far as the budgets go, and settles what they have cost. */
export class Gate {
  readonly #options: GateOptions;
  readonly #alerts: Alerts;
  readonly #unpriced = new Set<string>();

  constructor(options: GateOptions) {
    const { invocation, memories } = options;
    this.#options = options;
    this.#alerts = new Alerts(invocation, memories);
  }

  async attempt(
    request: ModelRequest,
    next: CallModel,
    call: CallInfo,
  ): Promise<ModelResponse> {
    const { settings } = this.#options;
    const admission = await this.#admit(request, call.callId);
    // The core does not send it.
    if (admission === undefined) return next(request);
    const facts = (): ChargeFacts => ({
      request: admission.request,
      worstNanoUsd: admission.nanoUsd,
      assumedPrice: settings.assumedPrice,
      hasBegun: call.hasBegun,
    });
    let response: ModelResponse;
    try {
      response = await next(admission.request);
    } catch (error) {
      const charge = chargeOfFailure(error, facts());
      await this.#settle(admission, charge, charge.nanoUsd > 0);
      throw error;
    }
    const charge = chargeOfAnswer(response, response.costUsd, facts());
    await this.#settle(admission, charge, true);
    return admission.request.model === request.model
      ? response
      : {
          ...response,
          tags: { ...response.tags, [DOWNGRADED]: request.model },
        };
  }

  /** Undefined when the call was aborted first. */
  async #admit(
    request: ModelRequest,
    callId: number,
  ): Promise<Admission | undefined> {
    const { settings, trackers, ledger } = this.#options;
    const { signal } = request;
    if (signal?.aborted) return undefined;
    const at = Date.now();
    const day = utcDayOf(at);
    const wanted = { request, nanoUsd: this.#mostOf(request) };
    const { nanoUsd } = wanted;
    const reserved = await ledger.reserve(trackers, { nanoUsd, at, signal });
    if (reserved === undefined) return undefined;
    if (!("short" in reserved)) {
      for (const hold of reserved) this.#alerts.passed(hold);
      if (settings.isShadow) this.#pretend(wanted, reserved, callId);
      return { ...wanted, day, holds: reserved };
    }
    this.#alerts.refused(reserved, nanoUsd, day);
    for (const offer of this.#cheaperThan(wanted)) {
      const cheaper = { nanoUsd: offer.nanoUsd, at, signal };
      const holds = await ledger.reserve(trackers, cheaper);
      if (holds === undefined) return undefined;
      if ("short" in holds) continue;
      for (const hold of holds) this.#alerts.passed(hold);
      this.#decided(reserved, wanted, callId, offer);
      return { ...offer, day, holds };
    }
    this.#decided(reserved, wanted, callId);
    throw budgetExceeded(reserved.tracker.scope, reserved.short, at, nanoUsd);
  }

  /** The upper bound of its cost; 0 when it is not known, and the settings allow that. */
  #mostOf(request: ModelRequest): number {
    const { settings, invocation, trackers, regions } = this.#options;
    const { unknownPrice, assumedPrice, isEnforced } = settings;
    const { model } = request;
    const worst = worstCaseOf(request, regions(), assumedPrice);
    if (worst.missing === undefined) return nanoOfPico(worst.picoUsd);
    const isRefused =
      unknownPrice === "error" || (unknownPrice !== "allow" && isEnforced);
    if (isRefused && trackers.length > 0)
      throw unknownCost(
        "costTracking",
        model,
        worst.missing,
        ", or set unknownPrice",
      );
    if (!this.#unpriced.has(model))
      tellProblem(invocation, { kind: "unknown-price", model });
    this.#unpriced.add(model);
    return 0;
  }

  #cheaperThan(wanted: Offer): Offer[] {
    const { settings, regions } = this.#options;
    return cheaperOffers(wanted, settings, regions());
  }

  /** Shadow mode: what would have happened. */
  #pretend(wanted: Offer, holds: readonly Hold[], callId: number): void {
    const { settings } = this.#options;
    if (settings.onExceeded === "alert") return;
    const refusedOf = (nanoUsd: number): Refused | undefined => {
      for (const { tracker, use } of holds) {
        const before = use && without(use, wanted.nanoUsd);
        const short = before && uncovered(tracker.limits, before, nanoUsd);
        if (short !== undefined) return { tracker, short };
      }
      return undefined;
    };
    const refused = refusedOf(wanted.nanoUsd);
    if (refused === undefined) return;
    const offer = this.#cheaperThan(wanted).find(
      ({ nanoUsd }) => refusedOf(nanoUsd) === undefined,
    );
    this.#decided(refused, wanted, callId, offer);
  }

  #decided(
    { tracker, short }: Refused,
    { request, nanoUsd }: Offer,
    callId: number,
    offer?: Offer,
  ): void {
    const { settings, invocation } = this.#options;
    invocation.events.emit("budget-exceeded", {
      callId,
      scope: tracker.scope,
      period: short.period,
      usedUsd: usdOf(short.usedNanoUsd),
      limitUsd: usdOf(short.limitNanoUsd),
      neededUsd: usdOf(nanoUsd),
      model: request.model,
      action: offer === undefined ? "block" : "downgrade",
      ...(offer !== undefined && { toModel: offer.request.model }),
      shadow: settings.isShadow,
    });
  }

  async #settle(
    { request, nanoUsd, day, holds }: Admission,
    charge: Charge,
    counts: boolean,
  ): Promise<void> {
    const { invocation, ledger, spending } = this.#options;
    const { model } = charge;
    if (counts) spending.add(day, request, charge);
    if (charge.nanoUsd > nanoUsd && !this.#unpriced.has(request.model))
      tellProblem(invocation, {
        kind: "underestimated",
        model,
        reservedUsd: usdOf(nanoUsd),
        actualUsd: usdOf(charge.nanoUsd),
      });
    await ledger.settle(holds, charge.nanoUsd, request.signal);
  }
}

function without(use: BudgetUse, nanoUsd: number): BudgetUse {
  return {
    dayNanoUsd: use.dayNanoUsd - nanoUsd,
    monthNanoUsd: use.monthNanoUsd - nanoUsd,
  };
}
