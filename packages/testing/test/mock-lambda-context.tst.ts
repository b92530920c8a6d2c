import type { WithLLM } from "@lambdallm/core";
import { MockLambdaContext } from "@lambdallm/testing";
import type { Context } from "aws-lambda";
import { expect, test } from "tstyche";

interface Members {
  readonly session: { readonly id: string };
}

declare function handler(
  event: object,
  context: Context & WithLLM & Members,
): void;

test("MockLambdaContext claims what the handler's middlewares will add", () => {
  expect(handler).type.toBeCallableWith({}, new MockLambdaContext());
  handler({}, new MockLambdaContext({ timeoutMs: 3_000 }));
  const context = new MockLambdaContext<Members>();
  expect(context.session.id).type.toBe<string>();
});

test("MockLambdaContext claims no more than the provider's members by itself", () => {
  const context = new MockLambdaContext();
  expect(context.totalCostUsd).type.toBe<number | undefined>();
  expect(context).type.not.toHaveProperty("session");
});
