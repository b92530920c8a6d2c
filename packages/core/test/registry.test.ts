import { describe, expect, test } from "@jest/globals";
import { invocationOf } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { run } from "./support.ts";

describe.each(middyMajors)("the registry on %s", (_name, middy) => {
  test("is shared by two copies of the package in one process", async () => {
    const path = "../src/middy/registry.ts";
    const copy: typeof import("../src/middy/registry.ts") = await import(
      `${path}?copy`
    );
    expect(copy.invocationOf).not.toBe(invocationOf);
    const own = new MockProvider({ responses: ["own"] });
    await run(middy, [own.middleware()], async (context) => {
      expect(copy.invocationOf(context)).toBe(invocationOf(context));
    });
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
