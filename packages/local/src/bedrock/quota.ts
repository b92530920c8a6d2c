import { check, type OptionCheck } from "@lambdallm/core/feature";
import { validateMembers } from "../checks.ts";
import { Bucket } from "./bucket.ts";
import { burndownRate } from "./burndown.ts";
import type { KnownModel } from "./known-model.ts";
import { ServiceError } from "./service-error.ts";
import type { ReplyUsage } from "./types.ts";

/**
 * The quotas of an account. Each model id has them to itself in each Region that requests are signed for: as on the
 * service, an inference profile's quota is another than that of the bare model id.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/quotas-token-burndown.html
 */
export interface Quota {
  /**
   * Tokens per minute, by the service's rule of reservation. A call takes its input tokens, cache reads and writes
   * included, and its `maxTokens` when it begins; without `maxTokens`, the most that the model can write
   * (`maxOutputTokens` of the catalog, 64,000 for a model that is not in it). A call that does not fit is refused with
   * "Too many tokens, please wait before trying again."
   *
   * At the end it has used its input, its cache writes and its output, and what it took beyond that is given back. Here, and
   * not in the reservation, output tokens count several times: 15 times on Claude 4.8, 10 times on Claude Opus 5, Sonnet 5,
   * Fable 5.1 and GPT-5.6, 5 times on every other Claude. So a call may have used more than it reserved. A call that fails
   * before its answer begins gives everything back; of one that breaks off, or whose client hangs up, what was written
   * until then counts.
   *
   * The quota is full at first and refills evenly, a 60,000th of it each millisecond of `now`. How the service refills it is
   * not documented, and that it adjusts reservations while it writes is not played. CountTokens uses nothing.
   */
  readonly tokensPerMinute?: number;
  /**
   * Requests per minute, looked at before the tokens: "Too many requests, please wait before trying again." Calls that are
   * refused do not count; those that fail later do.
   */
  readonly requestsPerMinute?: number;
}

/** What a model that is not in the catalog is taken to write at most, when a request does not say. */
const UNKNOWN_MAX_OUTPUT_TOKENS = 64_000;

const checks: Readonly<Record<keyof Quota, OptionCheck>> = {
  tokensPerMinute: check.positiveInteger,
  requestsPerMinute: check.positiveInteger,
};

/** @throws {ConfigurationError} naming the member that does not exist or has a wrong value. */
export function checkQuota(quota: Quota | undefined): void {
  if (quota !== undefined)
    validateMembers("startBedrock quota", checks, quota, []);
}

/** What a call took. The first of the two that is called decides. */
export interface Reservation {
  settle(
    usage: Pick<
      ReplyUsage,
      "inputTokens" | "outputTokens" | "cacheWriteInputTokens"
    >,
  ): void;
  /** Gives everything back. */
  release(): void;
}

/** Keeps the quotas of an account. */
export class QuotaLedger {
  readonly #quota: Quota;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(quota: Quota, now: () => number) {
    this.#quota = quota;
    this.#now = now;
  }

  /**
   * `place` is the model id and the Region.
   *
   * @throws {ServiceError} when the call does not fit.
   */
  reserve(
    place: string,
    call: {
      readonly modelId: string;
      readonly model: KnownModel;
      readonly promptTokens: number;
      readonly maxTokens: number | undefined;
    },
  ): Reservation {
    const requests = this.#bucket("requestsPerMinute", place);
    const tokens = this.#bucket("tokensPerMinute", place);
    const { modelId, model, promptTokens, maxTokens } = call;
    const reserved =
      promptTokens +
      (maxTokens ?? model?.maxOutputTokens ?? UNKNOWN_MAX_OUTPUT_TOKENS);
    if (requests?.holds(1) === false)
      throw new ServiceError("ThrottlingException");
    if (tokens?.holds(reserved) === false)
      throw new ServiceError("ThrottlingException", {
        message: "Too many tokens, please wait before trying again.",
      });
    requests?.take(1);
    tokens?.take(reserved);
    let isOpen = true;
    const close = (used: number) => {
      if (isOpen) tokens?.take(used - reserved);
      isOpen = false;
    };
    const rate = burndownRate(model?.id ?? modelId);
    return {
      settle: ({ inputTokens, outputTokens, cacheWriteInputTokens = 0 }) =>
        close(inputTokens + cacheWriteInputTokens + outputTokens * rate),
      release: () => close(0),
    };
  }

  reset(): void {
    this.#buckets.clear();
  }

  #bucket(name: keyof Quota, place: string): Bucket | undefined {
    const perMinute = this.#quota[name];
    if (perMinute === undefined) return undefined;
    const key = `${name} ${place}`;
    const bucket = this.#buckets.get(key) ?? new Bucket(perMinute, this.#now);
    this.#buckets.set(key, bucket);
    return bucket;
  }
}
