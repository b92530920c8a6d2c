import { expect, test } from "@jest/globals";
import type { CallOptions } from "@lambdallm/core";
import { ModelInvocationError } from "@lambdallm/core";
import { invocation, start } from "./support.ts";

const CALLS = 600;

/** How many of many calls at the same moment are answered; the others are throttled. */
async function answered(options: CallOptions): Promise<number> {
  const all = Promise.withResolvers<void>();
  let taken = 0;
  let ended = 0;
  const release = () => {
    if (taken + ended === CALLS) all.resolve();
  };
  await using local = await start({
    quota: { tokensPerMinute: 2_000_000 },
    // No call gives its reservation back before all have asked for one.
    respond: async () => {
      taken += 1;
      release();
      await all.promise;
      return "Yes";
    },
  });
  await invocation(
    local,
    (context) =>
      Promise.all(
        Array.from({ length: CALLS }, () =>
          context.invoke("Well?", {}, options).catch((error: unknown) => {
            expect(ModelInvocationError.isInstance(error)).toBe(true);
            expect(error).toMatchObject({ reason: "throttled" });
            ended += 1;
            release();
          }),
        ),
      ),
    { maxSockets: CALLS },
  );
  return taken;
}

test("the default leaves room in the quota for ten times as many calls as the model's limit does", async () => {
  const withDefault = await answered({});
  const withLimit = await answered({ maxTokens: 63_999 });
  expect(withLimit).toBe(31);
  expect(withDefault).toBe(488);
  expect(withDefault / withLimit).toBeGreaterThan(10);
});
