import {
  type BudgetLimits,
  type BudgetReservation,
  type BudgetState,
  type BudgetStore,
  checkAmount,
  checkDay,
  checkId,
  type ReserveOutcome,
  type SpendingReportRow,
  utcDayOf,
  utcMonthOf,
} from "@lambdallm/core/stores";
import { StoredItem } from "../table/attributes.ts";
import { corrupt } from "../table/failure.ts";
import type { Key, Operation, WriteOutcome } from "../table/operation.ts";
import type { Table } from "../table/table.ts";
import {
  BudgetMonth,
  dayAttribute,
  reservationAttribute,
  reservationPrefix,
  reservationValue,
} from "./budget-item.ts";
import { recordSpending, type Spending } from "./record-spending.ts";
import { spendingReport } from "./spending-report.ts";

interface ReserveRequest {
  readonly scope: string;
  readonly id: string;
  readonly amountNanoUsd: number;
  readonly limits: BudgetLimits;
  readonly at: number;
  readonly expiresAt: number;
}

/** One item for each scope and month, so that the daily and the monthly limit are one condition. */
export class DynamoDBBudgetStore implements BudgetStore {
  readonly #table: Table;
  readonly #retentionMs: number;

  constructor(table: Table, retentionMs: number) {
    this.#table = table;
    this.#retentionMs = retentionMs;
  }

  async reserve(request: ReserveRequest): Promise<ReserveOutcome> {
    const { scope, id, amountNanoUsd, limits, at, expiresAt } = request;
    const { dailyNanoUsd, monthlyNanoUsd } = limits;
    const day = utcDayOf(at);
    const key = this.#key(scope, day);
    checkId("reservation id", id);
    checkAmount("amount in nano-USD", amountNanoUsd);
    checkAmount("end of the reservation", expiresAt);
    if (dailyNanoUsd !== undefined)
      checkAmount("daily limit in nano-USD", dailyNanoUsd);
    if (monthlyNanoUsd !== undefined)
      checkAmount("monthly limit in nano-USD", monthlyNanoUsd);
    const operation = this.#table.start("reserve");
    for (;;) {
      const outcome = await this.#tryToReserve(operation, key, day, request);
      const item = outcome.written ? outcome.item : outcome.existing;
      const month = new BudgetMonth(scope, utcMonthOf(day), {
        item,
        operation: "reserve",
      });
      const own = month.reservation(id);
      if (own) {
        const { expiresAt: _, ...reservation } = own;
        return { reserved: true, reservation, use: month.use(own.day) };
      }
      if (outcome.written)
        throw corrupt("reserve", "the answer of DynamoDB has no reservation");
      const use = month.use(day);
      const exceeded =
        use.dayNanoUsd + amountNanoUsd > (dailyNanoUsd ?? Infinity)
          ? "daily"
          : use.monthNanoUsd + amountNanoUsd > (monthlyNanoUsd ?? Infinity)
            ? "monthly"
            : undefined;
      if (exceeded) return { reserved: false, exceeded, use };
      // Money came back between the refusal and the look at it.
    }
  }

  async settle(
    reservation: BudgetReservation,
    actualNanoUsd: number,
  ): Promise<boolean> {
    const { scope, id, day, amountNanoUsd } = reservation;
    checkDay(day);
    const key = this.#key(scope, day);
    checkId("reservation id", id);
    checkAmount("reserved amount in nano-USD", amountNanoUsd);
    checkAmount("actual amount in nano-USD", actualNanoUsd);
    const outcome = await this.#table.start("settle").update(key, {
      update: "SET #used = #used + :delta, #day = #day + :delta REMOVE #rid",
      condition: "begins_with(#rid, :reserved)",
      names: { "#day": dayAttribute(day), "#rid": reservationAttribute(id) },
      values: {
        ":delta": actualNanoUsd - amountNanoUsd,
        ":reserved": reservationPrefix(reservation),
      },
    });
    return outcome.written;
  }

  async reap(scope: string, at: number): Promise<number> {
    const day = utcDayOf(at);
    const { PK, SK } = this.#key(scope, day);
    // A caller of the last night of a month dies in the next one.
    const before = utcMonthOf(utcDayOf(Date.parse(`${SK}-01`) - 1));
    const { items } = await this.#table.start("reap").query({
      keys: "#PK = :pk AND #SK BETWEEN :before AND :month",
      values: { ":pk": PK, ":before": before, ":month": SK },
    });
    const reaped = await Promise.all(
      items.flatMap((item) => {
        const month = new StoredItem(item, "reap").text("SK");
        return new BudgetMonth(scope, month, { item, operation: "reap" })
          .reservations()
          .filter(({ expiresAt }) => expiresAt < at)
          .map((expired) => this.#reapOne({ PK, SK: month }, expired));
      }),
    );
    return reaped.filter(Boolean).length;
  }

  async read(scope: string, at: number): Promise<BudgetState> {
    const day = utcDayOf(at);
    const key = this.#key(scope, day);
    const item = await this.#table.start("read").get(key);
    const month = new BudgetMonth(scope, key.SK, { item, operation: "read" });
    return {
      ...month.use(day),
      days: month.days(),
      reservations: month.reservations(),
    };
  }

  async record(scope: string, spending: Spending): Promise<void> {
    checkId("scope", scope);
    const PK = this.#table.partition("B", scope);
    return recordSpending(this.#table, PK, this.#retentionMs, spending);
  }

  async report(
    scope: string,
    days: { readonly from: string; readonly to: string },
  ): Promise<readonly SpendingReportRow[]> {
    checkId("scope", scope);
    checkDay(days.from);
    checkDay(days.to);
    return spendingReport(this.#table, this.#table.partition("B", scope), days);
  }

  async #tryToReserve(
    operation: Operation,
    key: Key,
    day: string,
    { id, amountNanoUsd, limits, at, expiresAt }: ReserveRequest,
  ): Promise<WriteOutcome> {
    const { dailyNanoUsd = Infinity, monthlyNanoUsd = Infinity } = limits;
    // An empty counter would admit any amount: the condition only compares what is there.
    if (amountNanoUsd > Math.min(dailyNanoUsd, monthlyNanoUsd))
      return { written: false, existing: await operation.get(key) };
    const roomFor = (name: string, limit: number) =>
      Number.isFinite(limit) &&
      `(attribute_not_exists(${name}) OR ${name} <= :max${name.slice(1)})`;
    const room = (limit: number) =>
      Number.isFinite(limit) ? limit - amountNanoUsd : undefined;
    return operation.update(key, {
      update:
        "SET #rid = :reservation, #used = if_not_exists(#used, :zero) + :amount, #day = if_not_exists(#day, :zero) + :amount, #ttl = :ttl",
      condition: [
        "attribute_not_exists(#rid)",
        roomFor("#used", monthlyNanoUsd),
        roomFor("#day", dailyNanoUsd),
      ]
        .filter(Boolean)
        .join(" AND "),
      names: { "#day": dayAttribute(day), "#rid": reservationAttribute(id) },
      values: {
        ":reservation": reservationValue({ amountNanoUsd, day }, expiresAt),
        ":zero": 0,
        ":amount": amountNanoUsd,
        ":maxused": room(monthlyNanoUsd),
        ":maxday": room(dailyNanoUsd),
        ":ttl": Math.ceil((at + this.#retentionMs) / 1_000),
      },
      returning: "UPDATED_NEW",
      readRefusal: true,
    });
  }

  async #reapOne(
    key: Key,
    expired: BudgetState["reservations"][number],
  ): Promise<boolean> {
    // Its money stays counted: nobody knows whether the call was billed.
    const outcome = await this.#table.start("reap").update(key, {
      update: "REMOVE #rid",
      condition: "#rid = :reservation",
      names: { "#rid": reservationAttribute(expired.id) },
      values: { ":reservation": reservationValue(expired, expired.expiresAt) },
    });
    return outcome.written;
  }

  #key(scope: string, day: string): Key {
    checkId("scope", scope);
    return { PK: this.#table.partition("B", scope), SK: utcMonthOf(day) };
  }
}
