import { types } from "node:util";
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { corrupt } from "./failure.ts";

/** An item as the service has it. */
export type Item = Readonly<Record<string, AttributeValue>>;

/** What is written: the value itself for strings, numbers and bytes. */
export type Value = string | number | Uint8Array | AttributeValue;

/** The values of an item that is written; those that are undefined are left out. */
export type Attributes = Readonly<Record<string, Value | undefined>>;

export function toAttributes(
  values: Attributes,
): Record<string, AttributeValue> {
  const attributes: Record<string, AttributeValue> = {};
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) attributes[name] = toAttribute(value);
  return attributes;
}

function toAttribute(value: Value): AttributeValue {
  if (typeof value === "string") return { S: value };
  if (typeof value === "number") return { N: String(value) };
  return types.isUint8Array(value) ? { B: value } : value;
}

/** Reads an item that another version, or another program, may have written. */
export class StoredItem {
  readonly item: Item;
  readonly operation: string;

  constructor(item: Item, operation: string) {
    this.item = item;
    this.operation = operation;
  }

  text(name: string): string {
    return this.item[name]?.S ?? this.#missing(name);
  }

  /** A whole number. */
  number(name: string): number {
    return this.optionalNumber(name) ?? this.#missing(name);
  }

  optionalNumber(name: string): number | undefined {
    const text = this.item[name]?.N;
    if (text === undefined) return undefined;
    const number = Number(text);
    return Number.isSafeInteger(number) ? number : this.#missing(name);
  }

  /** Whether its time is over: DynamoDB deletes an expired item days later. */
  isExpired(now: number): boolean {
    const expiresAt = this.optionalNumber("x");
    return expiresAt !== undefined && expiresAt <= now;
  }

  #missing(name: string): never {
    throw corrupt(
      this.operation,
      `an item of the table has no valid attribute "${name}"`,
    );
  }
}
