import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
} from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import type { LLMContext } from "@lambdallm/core";
import { invocationOf } from "@lambdallm/core/feature";
import type { LocalBedrock } from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import httpRouterHandler from "@middy/http-router";
import { middyMajors } from "../../../test-support/middy.ts";
import { aborted, printed } from "../../../test-support/quiet.ts";
import { clientConfig, REGION, start } from "./support.ts";

const HOUR_MS = 3_600_000;
let local: LocalBedrock;
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeAll(async () => {
  local = await start({
    respond: ({ messages }) =>
      `answer to ${JSON.stringify(messages.at(-1)?.content)}`,
  });
});
afterAll(() => local.close());
beforeEach(() => {
  local.reset();
  unhandled.length = 0;
  process.on("unhandledRejection", onUnhandled);
});
afterEach(async () => {
  // Unhandled rejections are reported after the microtasks of their turn.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

const provider = () =>
  bedrock({ region: REGION, clientConfig: clientConfig(local) });
const arrived = async (count: number) => {
  while (local.requests.length < count)
    await new Promise((resolve) => setTimeout(resolve, 5));
};
const requestsEndedByClient = async () => {
  const ends = await Promise.all(local.requests.map(({ closed }) => closed));
  return ends.map(({ byClient }) => byClient);
};

describe.each(middyMajors)("%s: no call is left running", (_, middy) => {
  test("when a later middleware returns early", async () => {
    local.setFaults([{ latencyMs: HOUR_MS }, { latencyMs: HOUR_MS }]);
    const handler = middy()
      .use(provider())
      .use({
        before: async ({ context }: { context: unknown }) => {
          const llm = context as LLMContext;
          llm.invoke("forgotten");
          llm.stream("forgotten too");
          await arrived(2);
          return { early: true };
        },
      });
    expect(await handler({}, new MockLambdaContext())).toEqual({ early: true });
    expect(await requestsEndedByClient()).toEqual([true, true]);
    expect(printed()).toEqual([aborted(2)]);
  });

  test.each(["before", "handler", "after"])(
    "when the %s throws",
    async (where) => {
      local.setFaults([{ latencyMs: HOUR_MS }]);
      const fail =
        (here: string) =>
        async ({ context }: { context: unknown }) => {
          if (here !== where) return;
          (context as LLMContext).invoke("forgotten");
          await arrived(1);
          throw new Error(`${here} failed`);
        };
      const handler = middy()
        .use(provider())
        .use({ before: fail("before"), after: fail("after") })
        .handler(async (_event, context) => fail("handler")({ context }));
      await expect(handler({}, new MockLambdaContext())).rejects.toThrow(
        `${where} failed`,
      );
      expect(await requestsEndedByClient()).toEqual([true]);
      expect(printed()).toEqual([aborted(1)]);
    },
  );

  test("when the handler returns without waiting for it", async () => {
    local.setFaults([{ latencyMs: HOUR_MS }]);
    const handler = middy()
      .use(provider())
      .handler(async (_event, context) => {
        context.invoke("forgotten");
        await arrived(1);
        return "done";
      });
    expect(await handler({}, new MockLambdaContext())).toBe("done");
    expect(await requestsEndedByClient()).toEqual([true]);
    expect(printed()).toEqual([aborted(1)]);
  });

  test("when Middy's early timeout fires", async () => {
    local.setFaults([{ latencyMs: HOUR_MS }]);
    const handler = middy({ timeoutEarlyInMillis: 29_500 })
      .use(provider())
      .handler(async (_event, context) => context.invoke("slow"));
    await expect(handler({}, new MockLambdaContext())).rejects.toThrow(
      "aborted",
    );
    expect(await requestsEndedByClient()).toEqual([true]);
    expect(printed()).toEqual([aborted(1)]);
  });

  test("and two invocations at once in one process do not touch each other", async () => {
    const handler = middy<{ name: string; fail: boolean }>()
      .use(provider())
      .handler(async ({ name, fail }, context) => {
        const answer = await context.invoke("I am {name}", { name });
        if (fail) throw new Error(name);
        return { answer, calls: context.metrics.calls };
      });
    const run = (name: string, fail: boolean) =>
      handler({ name, fail }, new MockLambdaContext());
    const results = await Promise.allSettled([
      run("a", false),
      run("b", true),
      run("c", false),
    ]);
    expect(results).toMatchObject([
      { value: { answer: expect.stringContaining("I am a"), calls: 1 } },
      { reason: { message: "b" } },
      { value: { answer: expect.stringContaining("I am c"), calls: 1 } },
    ]);
  });
});

describe.each(middyMajors)("%s: inside @middy/http-router", (_, middy) => {
  const event = {
    version: "2.0",
    rawPath: "/ask",
    requestContext: { http: { method: "GET", path: "/ask" } },
  };

  test("an inner chain finds the outer invocation", async () => {
    const inner = middy()
      .before(async ({ context }) => {
        expect(invocationOf(context).totals.calls).toBe(0);
      })
      // The router hands the same context on, which its types do not know.
      .handler(async (_event, context) =>
        (context as unknown as LLMContext).invoke("inside"),
      );
    const handler = middy()
      .use(provider())
      .handler(
        httpRouterHandler({
          routes: [{ method: "GET", path: "/ask", handler: inner as never }],
        }) as never,
      );
    expect(await handler(event, new MockLambdaContext())).toContain("inside");
  });

  test("a provider of its own serves the inner chain, and the outer one comes back", async () => {
    const models: (string | undefined)[] = [];
    const inner = middy()
      .use(
        bedrock({
          region: REGION,
          model: "inner.model",
          clientConfig: clientConfig(local),
        }),
      )
      .handler(async (_event, context) => context.invoke("inside"));
    const route = httpRouterHandler({
      routes: [{ method: "GET", path: "/ask", handler: inner as never }],
    });
    const handler = middy()
      .use(
        bedrock({
          region: REGION,
          model: "outer.model",
          clientConfig: clientConfig(local),
        }),
      )
      .handler(async (request, context) => {
        await context.invoke("before");
        await (
          route as unknown as (
            event: unknown,
            context: unknown,
          ) => Promise<unknown>
        )(request, context);
        await context.invoke("after");
        models.push(...local.requests.map(({ modelId }) => modelId));
        return context.metrics.calls;
      });
    expect(await handler(event, new MockLambdaContext())).toBe(3);
    expect(models).toEqual(["outer.model", "inner.model", "outer.model"]);
  });
});

test("200 parallel calls share connections, and later calls reuse them", async () => {
  const handler = bedrockHandler(20);
  await handler(200);
  expect(local.connections).toBeLessThanOrEqual(20);
  const before = local.connections;
  await handler(200);
  expect(local.connections).toBe(before);
  expect(local.requests).toHaveLength(400);
});

test("200 parallel streams share connections as well", async () => {
  const handler = bedrockHandler(20, true);
  await handler(200);
  await handler(200);
  expect(local.connections).toBeLessThanOrEqual(20);
});

function bedrockHandler(maxSockets: number, streaming = false) {
  const [, middy] = middyMajors[1] ?? [];
  const handler = middy?.()
    .use(
      bedrock({
        region: REGION,
        maxSockets,
        clientConfig: clientConfig(local),
      }),
    )
    .handler(async (count: unknown, context) => {
      const calls = Array.from({ length: Number(count) }, (_, index) =>
        streaming
          ? context.stream("Number {index}", { index }).response
          : context.invoke("Number {index}", { index }),
      );
      return (await Promise.all(calls)).length;
    });
  return async (count: number) => {
    expect(await handler?.(count, new MockLambdaContext())).toBe(count);
  };
}
