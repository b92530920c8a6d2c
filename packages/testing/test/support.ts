import { type Delta, Model } from "@lambdallm/core";
import type { ModelRequest } from "@lambdallm/core/feature";
import { MockProvider, type MockResponse } from "@lambdallm/testing";

export const request = (changes: Partial<ModelRequest> = {}): ModelRequest => ({
  model: Model.NOVA_LITE,
  messages: [{ role: "user", content: [{ text: "Hello there" }] }],
  ...changes,
});

/** What one call of a provider with this response brings, deltas included. */
export async function answerOf(
  response: MockResponse,
  changes: Partial<ModelRequest> = {},
) {
  const deltas: Delta[] = [];
  const onDelta = (delta: Delta) => {
    deltas.push(delta);
  };
  const provider = new MockProvider({ responses: [response] });
  const answer = await provider.call(request({ onDelta, ...changes }));
  return { ...answer, deltas };
}
