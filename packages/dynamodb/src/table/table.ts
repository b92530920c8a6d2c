import { Operation } from "./operation.ts";
import type { TableSettings } from "./table-settings.ts";

/** The one table, and what all stores on it share. */
export class Table {
  readonly settings: TableSettings;

  constructor(settings: TableSettings) {
    this.settings = settings;
  }

  /** Whole: the numbers that are read again are. */
  now(): number {
    return Math.floor(this.settings.now());
  }

  /** Begins an operation: its deadline counts from here. */
  start(name: string): Operation {
    return new Operation(name, this.settings);
  }

  /** The partition of a budget's scope or of a run. */
  partition(kind: "B" | "R", id: string): string {
    const { tenantId } = this.settings;
    return tenantId === undefined
      ? `${kind}#${id}`
      : `${kind}#${tenantId}#${id}`;
  }
}
