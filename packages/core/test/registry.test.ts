import { describe, expect, test } from "@jest/globals";
import {
  invocationOf,
  providerMiddleware,
  withProvider,
} from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { PRICED, run, settled } from "./support.ts";

describe.each(middyMajors)("the registry on %s", (_name, middy) => {
  test("is shared by two copies of the package in one process", async () => {
    const path = "../src/middy/registry.ts";
    const copy: typeof import("../src/middy/registry.ts") = await import(
      `${path}?copy`
    );
    expect(copy.invocationOf).not.toBe(invocationOf);
    const own = new MockProvider({ responses: ["own"] });
    const other = new MockProvider({ responses: ["other"] });
    const ask = async () =>
      run(middy, [own.middleware()], async (context) => {
        expect(copy.invocationOf(context)).toBe(invocationOf(context));
        return context.invoke("Hi");
      });
    expect(await ask()).toBe("own");
    expect(await copy.withProvider(other, ask)).toBe("other");
  });

  test("puts another provider in place of every one, as long as the function runs", async () => {
    const real = new MockProvider({ responses: ["real"] });
    const middleware = providerMiddleware({
      provider: real,
      defaults: { model: PRICED },
    });
    const ask = async () => {
      await settled();
      return run(middy, [middleware], async ({ invoke }) => invoke("Hi"));
    };
    const other = new MockProvider({ responses: ["other"] });
    expect(await Promise.all([ask(), withProvider(other, ask), ask()])).toEqual(
      ["real", "other", "real"],
    );
    expect(withProvider(other, () => "the function's result")).toBe(
      "the function's result",
    );
    expect(other.totalCalls).toBe(1);
  });

  test("does nothing in the phases of a chain where no invocation was opened", async () => {
    const { after, onError } = new MockProvider().middleware();
    const chain = middy()
      .use({ after, onError })
      .handler(async () => "answer");
    expect(await chain({}, new MockLambdaContext())).toBe("answer");
    chain.handler(async () => {
      throw new Error("failed");
    });
    await expect(chain({}, new MockLambdaContext())).rejects.toThrow("failed");
  });
});
