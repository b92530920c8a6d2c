import { withProvider } from "@lambdallm/core/feature";
import { MockProvider, type MockProviderOptions } from "./mock-provider.ts";

/**
 * Wraps a test: every handler that it runs gets this model instead of the one in its middleware, wherever the handler was
 * made. Tests that run at the same time do not see each other's.
 *
 * @example
 * test("greets", mockModel({ responses: ["Hello!"] }, async (model) => {
 *   expect(await handler(event, new MockLambdaContext())).toEqual({ greeting: "Hello!" });
 *   expect(model.lastPrompt).toContain("Ada");
 * }));
 */
export function mockModel<Arguments extends unknown[], Result>(
  options: MockProviderOptions,
  run: (model: MockProvider, ...args: Arguments) => Result,
): (...args: Arguments) => Result {
  // Rest parameters keep the function's length at 0: Jest takes a parameter for its `done` callback.
  return (...args) => {
    const model = new MockProvider(options);
    return withProvider(model, () => run(model, ...args));
  };
}
