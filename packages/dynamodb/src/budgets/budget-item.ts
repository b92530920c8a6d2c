import type { BudgetReservation, BudgetState } from "@lambdallm/core/stores";
import { type Item, StoredItem } from "../table/attributes.ts";
import { corrupt } from "../table/failure.ts";

const RESERVATION = "r#";
const DAY_ATTRIBUTE = /^d(\d\d)$/;
const RESERVATION_VALUE = /^([0-9a-z]{1,11}):(\d\d):([0-9a-z]{1,11})$/;

/** A budget's item holds a month; each of its days is an attribute, and so is each reservation. */
export const dayAttribute = (day: string) => `d${day.slice(8)}`;
export const reservationAttribute = (id: string) => RESERVATION + id;

/** Numbers in base 36: every call in flight has such a value, and the item is billed by its size. */
export function reservationPrefix({
  amountNanoUsd,
  day,
}: Pick<BudgetReservation, "amountNanoUsd" | "day">): string {
  return `${amountNanoUsd.toString(36)}:${day.slice(8)}:`;
}

export const reservationValue = (
  reservation: Pick<BudgetReservation, "amountNanoUsd" | "day">,
  expiresAt: number,
) => reservationPrefix(reservation) + expiresAt.toString(36);

/** What is known of a month; nothing was spent in one that has no item. */
export class BudgetMonth {
  readonly #stored: StoredItem;
  readonly #scope: string;
  readonly #month: string;

  constructor(
    scope: string,
    month: string,
    { item = {}, operation }: { item: Item | undefined; operation: string },
  ) {
    this.#scope = scope;
    this.#month = month;
    this.#stored = new StoredItem(item, operation);
  }

  use(day: string) {
    return {
      dayNanoUsd: this.#stored.optionalNumber(dayAttribute(day)) ?? 0,
      monthNanoUsd: this.#stored.optionalNumber("used") ?? 0,
    };
  }

  days(): BudgetState["days"] {
    const days: Record<number, number> = {};
    for (const name of Object.keys(this.#stored.item)) {
      const day = DAY_ATTRIBUTE.exec(name)?.[1];
      const spent = day && this.#stored.number(name);
      if (day && spent) days[Number(day)] = spent;
    }
    return days;
  }

  reservations(): BudgetState["reservations"] {
    return Object.keys(this.#stored.item)
      .filter((name) => name.startsWith(RESERVATION))
      .map((name) => this.#reservation(name));
  }

  reservation(id: string): BudgetState["reservations"][number] | undefined {
    const name = reservationAttribute(id);
    return Object.hasOwn(this.#stored.item, name)
      ? this.#reservation(name)
      : undefined;
  }

  #reservation(name: string): BudgetState["reservations"][number] {
    const [, amount = "", day = "", expiresAt = ""] =
      RESERVATION_VALUE.exec(this.#stored.text(name)) ?? [];
    if (amount === "")
      throw corrupt(this.#stored.operation, "a reservation cannot be read");
    return {
      scope: this.#scope,
      id: name.slice(RESERVATION.length),
      day: `${this.#month}-${day}`,
      amountNanoUsd: Number.parseInt(amount, 36),
      expiresAt: Number.parseInt(expiresAt, 36),
    };
  }
}
