declare module "dynalite" {
  import type { Server } from "node:http";

  /** A DynamoDB in memory as an HTTP server; it is not listening yet. */
  export default function dynalite(options?: {
    /** @default 500 */
    readonly createTableMs?: number;
    /** @default 500 */
    readonly deleteTableMs?: number;
    /** In bytes of UTF-16, where DynamoDB counts UTF-8. @default 400 */
    readonly maxItemSizeKb?: number;
  }): Server;
}
