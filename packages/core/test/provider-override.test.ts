import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import { providerMiddleware, withProvider } from "@lambdallm/core/feature";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { PRICED, run, settled } from "./support.ts";

const answering = (text: string) => new MockProvider({ responses: [text] });

describe.each(middyMajors)("withProvider on %s", (_name, middy) => {
  const middleware = providerMiddleware({
    provider: answering("real"),
    defaults: { model: PRICED },
  });

  const ask = async () => {
    await settled();
    return run(middy, [middleware], async ({ invoke }) => invoke("Hi"));
  };

  /** Asks, when told to, as somebody who was there before. */
  const bystander = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const answer = promise.then(ask);
    return {
      ask: async () => {
        resolve();
        return answer;
      },
    };
  };

  /** Stays in an override until it is told to leave. */
  const staying = (name: string) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = withProvider(answering(name), async () => promise);
    return {
      leave: async () => {
        resolve();
        await over;
      },
    };
  };

  test("puts another provider in place of every one, as long as the function runs", async () => {
    expect(await withProvider(answering("other"), ask)).toBe("other");
    expect(await ask()).toBe("real");
  });

  test("returns what the function returns, and throws what it throws", async () => {
    const failure = new Error("failed");
    const fail = () => {
      throw failure;
    };
    expect(withProvider(answering("other"), () => "result")).toBe("result");
    expect(withProvider(answering("other"), () => null)).toBeNull();
    expect(() => withProvider(answering("other"), fail)).toThrow(failure);
    await expect(
      withProvider(answering("other"), async () => fail()),
    ).rejects.toBe(failure);
    expect(await ask()).toBe("real");
  });

  test("keeps apart what runs at the same time", async () => {
    const names = ["a", "b", "c"];
    expect(
      await Promise.all(
        names.map((name) => withProvider(answering(name), ask)),
      ),
    ).toEqual(names);
  });

  test("is seen by another copy of the package", async () => {
    const path = "../src/middy/provider-override.ts";
    const copy: typeof import("../src/middy/provider-override.ts") =
      await import(`${path}?copy`);
    expect(copy.withProvider).not.toBe(withProvider);
    expect(await copy.withProvider(answering("other"), ask)).toBe("other");
  });

  test("reaches invocations that begin outside of it, while it runs", async () => {
    const [during, afterwards] = [bystander(), bystander()];
    await withProvider(answering("other"), async () => {
      expect(await during.ask()).toBe("other");
    });
    expect(await afterwards.ask()).toBe("real");
  });

  test("gives way to one within it", async () => {
    const outside = bystander();
    await withProvider(answering("outer"), async () => {
      await withProvider(answering("inner"), async () => {
        expect(await outside.ask()).toBe("inner");
      });
      expect(await bystander().ask()).toBe("outer");
    });
  });

  test("is not guessed where two could be meant", async () => {
    const [outside, later] = [bystander(), bystander()];
    const [a, b] = [staying("a"), staying("b")];
    const error = await outside.ask().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(String(error)).toContain(
      "2 mocked models are in use at the same time, and this invocation began outside of all of them",
    );
    await a.leave();
    expect(await later.ask()).toBe("b");
    await b.leave();
  });

  test("holds for what it has left behind, unless another runs", async () => {
    let leftBehind = bystander();
    await withProvider(answering("first"), async () => {
      leftBehind = bystander();
    });
    expect(await leftBehind.ask()).toBe("first");
    await withProvider(answering("first"), async () => {
      leftBehind = bystander();
    });
    const second = staying("second");
    expect(await leftBehind.ask()).toBe("second");
    await second.leave();
  });
});
