import type { HttpAnswer } from "../../shared/event.ts";

export function answer(
  building: unknown,
  inputTokens: number | undefined,
  outputTokens: number | undefined,
): HttpAnswer & { readonly headers: object } {
  return {
    statusCode: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ building, inputTokens, outputTokens }),
  };
}
