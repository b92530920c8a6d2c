import type { Operation } from "./types.ts";

const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ["converse", "Converse"],
  ["converse-stream", "ConverseStream"],
  ["invoke", "InvokeModel"],
  ["count-tokens", "CountTokens"],
]);

/** The operation and the decoded model id of a request line; undefined when there is no such operation. */
export function routeOf(
  method: string,
  target: string,
): { readonly operation: Operation; readonly modelId: string } | undefined {
  const [, encoded, action] =
    /^\/model\/([^/?]+)\/([a-z-]+)(?:\?|$)/.exec(target) ?? [];
  const operation = OPERATIONS.get(action ?? "");
  if (method !== "POST" || encoded === undefined || operation === undefined)
    return undefined;
  try {
    return { operation, modelId: decodeURIComponent(encoded) };
  } catch {
    // Not percent-encoded text: no model has such an id, and the validation says so.
    return { operation, modelId: encoded };
  }
}
