import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, type LLMContext } from "@lambdallm/core";
import {
  type CallModel,
  Middleware,
  type ModelRequest,
} from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { rejection, settled } from "./support.ts";

interface Event {
  readonly user: string;
}

describe.each(middyMajors)("a middleware class on %s", (_name, middy) => {
  const run = async (
    middleware: Middleware<Event, string>,
    handler: (event: Event, context: LLMContext) => Promise<string>,
    model = new MockProvider({ responses: ["answer"] }),
  ) =>
    middy<Event, string>()
      .use(model.middleware())
      .use(middleware)
      .handler(async (event, context) => handler(event, context))(
      { user: "Ada" },
      new MockLambdaContext(),
    );

  test("does nothing where nothing is overridden", async () => {
    class Nothing extends Middleware<Event, string> {}
    const handler = async ({ user }: Event, { invoke }: LLMContext) =>
      `${user}: ${await invoke("Hi")}`;
    expect(await run(new Nothing(), handler)).toBe("Ada: answer");
    const failing = run(new Nothing(), async () => {
      throw new Error("failed");
    });
    expect(await rejection(failing)).toHaveProperty("message", "failed");
  });

  test("sees event, result and context around the handler", async () => {
    const seen: unknown[] = [];
    class Audit extends Middleware<Event, string> {
      override beforeInvoke(event: Event, context: LLMContext) {
        seen.push(["before", event.user, context.metrics.calls]);
      }
      override afterInvoke(event: Event, result: string, context: LLMContext) {
        seen.push(["after", event.user, result, context.metrics.calls]);
      }
      override onInvokeError() {
        seen.push("never");
      }
    }
    await run(new Audit(), async (_event, { invoke }) => invoke("Hi"));
    expect(seen).toEqual([
      ["before", "Ada", 0],
      ["after", "Ada", "answer", 1],
    ]);
  });

  test("keeps its own state and methods", async () => {
    class Counter extends Middleware<Event, string> {
      #count = 0;
      get count() {
        return this.#count;
      }
      override async beforeInvoke() {
        await settled();
        this.#count += 1;
      }
    }
    const counter = new Counter();
    await run(counter, async () => "");
    await run(counter, async () => "");
    expect(counter.count).toBe(2);
  });

  test("replaces the event and the result by what it returns", async () => {
    class Replace extends Middleware<Event, string> {
      override async beforeInvoke({ user }: Event) {
        await settled();
        return { user: user.toUpperCase() };
      }
      override async afterInvoke(_event: Event, result: string) {
        await settled();
        return `<${result}>`;
      }
    }
    expect(await run(new Replace(), async ({ user }) => user)).toBe("<ADA>");
  });

  test("may replace the result by null, and the chain goes on", async () => {
    const seen: unknown[] = [];
    class Nothing extends Middleware<Event, string> {
      override afterInvoke() {
        return null;
      }
    }
    const chain = middy<Event, string>()
      .use(new MockProvider().middleware())
      .use({
        after: async ({ response }) => {
          seen.push(response);
        },
      })
      .use(new Nothing())
      .handler(async () => "result");
    expect(await chain({ user: "Ada" }, new MockLambdaContext())).toBeNull();
    expect(seen).toEqual([null]);
  });

  test("recovers from an error by what it returns", async () => {
    class Recover extends Middleware<Event, string> {
      override async onInvokeError(
        { user }: Event,
        error: unknown,
        context: LLMContext,
      ) {
        return `${user}: ${(error as Error).message}, ${context.metrics.calls} calls`;
      }
    }
    const answer = run(new Recover(), async (_event, { invoke }) => {
      await invoke("Hi");
      throw new Error("failed");
    });
    expect(await answer).toBe("Ada: failed, 1 calls");
  });

  test("keeps the error when it returns nothing", async () => {
    const seen: unknown[] = [];
    class Watch extends Middleware<Event, string> {
      override onInvokeError(_event: Event, error: unknown) {
        seen.push(error);
      }
    }
    const failure = new Error("failed");
    const failing = run(new Watch(), async () => {
      throw failure;
    });
    expect(await rejection(failing)).toBe(failure);
    expect(seen).toEqual([failure]);
  });

  test("sits around every model call", async () => {
    class Shout extends Middleware<Event, string> {
      readonly prefix = "!";
      override async interceptModelCall(
        request: ModelRequest,
        next: CallModel,
      ) {
        const response = await next({ ...request, maxTokens: 3 });
        return { ...response, text: this.prefix + response.text.toUpperCase() };
      }
    }
    const model = new MockProvider({ responses: ["one", "two"] });
    const answer = await run(
      new Shout(),
      async (_event, { invoke }) => `${await invoke("1")} ${await invoke("2")}`,
      model,
    );
    expect(answer).toBe("!ONE !TWO");
    expect(model.calls.map(({ request }) => request.maxTokens)).toEqual([3, 3]);
  });

  test("without a provider says what to add", async () => {
    class Lost extends Middleware<Event, string> {}
    const chain = middy<Event, string>()
      .use(new Lost())
      .handler(async () => "never");
    const error = await rejection(
      Promise.resolve(chain({ user: "Ada" }, new MockLambdaContext())),
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toHaveProperty(
      "message",
      expect.stringContaining("add .use(bedrock()) before Lost"),
    );
  });
});
