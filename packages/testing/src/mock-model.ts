import { ConfigurationError } from "@lambdallm/core";
import { isThenable, withProvider } from "@lambdallm/core/feature";
import {
  MockProvider,
  type MockProviderOptions,
  noticedMocks,
} from "./mock-provider.ts";

/**
 * Wraps a test: every handler that it runs gets this model instead of the one in its middleware, wherever the handler was
 * made. Tests that run at the same time do not see each other's. A handler that is called from elsewhere, as by a server that
 * was started before the test, gets it as well; where several tests run then, its invocation fails with a
 * `ConfigurationError`, because any of them could be meant.
 *
 * @throws {ConfigurationError} When the test passes, but nobody has asked the model: it was not the model of the handler, or
 * the handler did not get to its call, and the test has proved less than it says. A test in which no call is right reads one of `calls`,
 * `totalCalls` and `lastPrompt`.
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
    const result = withProvider(model, () => run(model, ...args));
    // Whoever awaits it gets what he would have got.
    if (isThenable(result)) return noticed(model, result) as Result;
    checkNoticed(model);
    return result;
  };
}

async function noticed(
  model: MockProvider,
  result: PromiseLike<unknown>,
): Promise<unknown> {
  const value = await result;
  checkNoticed(model);
  return value;
}

function checkNoticed(model: MockProvider): void {
  if (noticedMocks.has(model)) return;
  throw new ConfigurationError(
    "mockModel: the test has passed, but nobody has asked its model. Check that the handler gets as far as its call, that it runs in this process, and that its model comes from a middleware such as bedrock(). In a test in which no call is right, expect `model.totalCalls` to be 0.",
  );
}
