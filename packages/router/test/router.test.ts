import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, Model } from "@lambdallm/core";
import { invocationOf, type ModelRequest } from "@lambdallm/core/feature";
import router from "@lambdallm/router";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import {
  asking,
  before,
  budget,
  IMAGE,
  rejection,
  routeListener,
  run,
} from "./support.ts";

const CHEAP = Model.NOVA_MICRO;
const SEEING = Model.NOVA_LITE;
const GOOD = Model.CLAUDE_SONNET_4_6;
const DEFAULT = Model.CLAUDE_HAIKU_4_5;

const models = [GOOD, SEEING, CHEAP];

describe.each(middyMajors)("A routed call on %s", (_name, middy) => {
  test("goes to the model that the strategy chooses", async () => {
    const provider = new MockProvider({ responses: ["Hello"] });
    const answer = await run(
      middy,
      [provider.middleware(), router({ models })],
      async ({ invoke }) => invoke("Hi {name}", { name: "Ada" }),
    );
    expect(answer).toBe("Hello");
    expect(provider.calls[0]?.request.model).toBe(CHEAP);
  });

  test("is routed by what it needs, one by one", async () => {
    const provider = new MockProvider();
    await run(
      middy,
      [provider.middleware(), router({ models })],
      async ({ invoke, converse }) => {
        await invoke("Hi");
        await converse(
          asking({
            messages: [
              { role: "user", content: [IMAGE, { text: "What is it?" }] },
            ],
          }),
        );
        await invoke("Bye");
      },
    );
    expect(provider.calls.map(({ request }) => request.model)).toEqual([
      CHEAP,
      SEEING,
      CHEAP,
    ]);
  });

  test("says in its tags what was chosen and why, and keeps other tags", async () => {
    const tagging = before(async ({ context }) => {
      invocationOf(context).intercept(
        "call",
        "tagging",
        async (request, next) => ({
          ...(await next(request)),
          tags: { other: "kept" },
        }),
      );
    });
    const response = await run(
      middy,
      [
        new MockProvider().middleware(),
        router({ models, rules: [{ when: "input_tokens < 0", model: GOOD }] }),
        tagging,
      ],
      async ({ converse }) => converse(asking()),
    );
    expect(response.tags).toEqual({
      "route.model": CHEAP,
      "route.reason": "cheapest: 3 of 3 models fit",
      other: "kept",
    });
    expect(response.model).toBe(CHEAP);
  });

  test("is told to observers before it is made, also when it fails", async () => {
    const { events, middleware } = routeListener();
    const failure = new Error("down");
    const error = await rejection(
      run(
        middy,
        [
          new MockProvider({ responses: ["fine", failure] }).middleware(),
          middleware,
          router({
            models,
            rules: [{ when: "tags.plan == 'gold'", model: GOOD }],
          }),
        ],
        async ({ invoke }) => {
          await invoke("Hi", undefined, { tags: { plan: "gold" } });
          await invoke("Hi");
        },
      ),
    );
    expect(error).toBe(failure);
    expect(events).toMatchObject([
      {
        callId: 1,
        model: GOOD,
        rule: 0,
        reason: "rules[0] (tags.plan == 'gold') matches",
        ranking: [{ model: CHEAP }, { model: SEEING }, { model: GOOD }],
      },
      { callId: 2, model: CHEAP, rule: undefined },
    ]);
  });

  test("streams, and answers in a shape", async () => {
    const provider = new MockProvider({
      responses: ["one two", { value: { title: "T" } }],
    });
    const seen = await run(
      middy,
      [provider.middleware(), router({ models, requireNativeOutput: true })],
      async (context) => {
        const stream = context.stream("Count");
        let text = "";
        for await (const piece of stream) text += piece;
        const { tags } = await stream.response;
        const value = await context.invokeStructured("Name it", {
          title: "string",
        });
        return { text, tags, value };
      },
    );
    expect(seen.text).toBe("one two");
    expect(seen.tags).toMatchObject({ "route.model": CHEAP });
    expect(seen.value).toEqual({ title: "T" });
    // Of the three only this one is known to constrain its answer itself.
    expect(provider.calls.map(({ request }) => request.model)).toEqual([
      CHEAP,
      GOOD,
    ]);
  });

  test("keeps the model that it names itself", async () => {
    const { events, middleware } = routeListener();
    const provider = new MockProvider();
    const response = await run(
      middy,
      [provider.middleware(), middleware, router({ models })],
      async ({ converse }) => converse(asking({ model: Model.NOVA_PRO })),
    );
    expect(response.model).toBe(Model.NOVA_PRO);
    expect(response.tags).toBeUndefined();
    expect(events).toEqual([]);
  });

  test("keeps its model when it is a managed prompt, which brings its own", async () => {
    const provider = new MockProvider();
    await run(
      middy,
      [provider.middleware(), router({ models })],
      async ({ converse }) =>
        converse({
          messages: [],
          bedrock: { promptVariables: { topic: { text: "sea" } } },
        }),
    );
    expect(provider.calls[0]?.request).toMatchObject({
      model: DEFAULT,
      bedrock: { promptVariables: {} },
    });
  });

  test("leaves out what is bound to the model that it would have gone to", async () => {
    const provider = new MockProvider();
    const bedrock = {
      additionalModelRequestFields: { top_k: 5 },
      requestMetadata: { team: "a" },
    };
    await run(
      middy,
      [provider.middleware(), router({ models })],
      async ({ invoke }) => invoke("Hi", undefined, { bedrock }),
    );
    await run(
      middy,
      [provider.middleware(), router({ models: [DEFAULT] })],
      async ({ invoke }) => invoke("Hi", undefined, { bedrock }),
    );
    expect(provider.calls.map(({ request }) => request.bedrock)).toEqual([
      { requestMetadata: { team: "a" } },
      bedrock,
    ]);
  });

  test("leans to a cheaper model as the budget empties", async () => {
    const chosen = async (shareLeft: number) => {
      const provider = new MockProvider();
      await run(
        middy,
        [
          provider.middleware(),
          budget(shareLeft),
          router({
            models: [Model.CLAUDE_HAIKU_4_5, Model.CLAUDE_OPUS_4_6],
            strategy: "balanced",
          }),
        ],
        async ({ invoke }) => invoke("Hi"),
      );
      return provider.calls[0]?.request.model;
    };
    expect(await chosen(1)).toBe(Model.CLAUDE_OPUS_4_6);
    expect(await chosen(0.1)).toBe(Model.CLAUDE_HAIKU_4_5);
  });

  test("takes a budget for full at most, and for empty at least", async () => {
    const scores = async (shareLeft: number) => {
      const { events, middleware } = routeListener();
      await run(
        middy,
        [
          new MockProvider().middleware(),
          budget(shareLeft),
          middleware,
          router({ models, strategy: "balanced" }),
        ],
        async ({ invoke }) => invoke("Hi"),
      );
      return events[0]?.ranking.map(({ score }) => score);
    };
    expect(await scores(2)).toEqual(await scores(1));
    expect(await scores(-1)).toEqual(await scores(0));
  });

  test("sees the time until its own deadline, or until Lambda's timeout", async () => {
    const seen: number[] = [];
    const watching = router({
      models,
      rules: [
        {
          when: ({ remainingTimeMs }) => {
            seen.push(remainingTimeMs);
            return false;
          },
          model: GOOD,
        },
      ],
    });
    await run(
      middy,
      [new MockProvider().middleware(), watching],
      async ({ invoke, converse }) => {
        await invoke("Hi");
        await converse(asking({ deadline: Date.now() + 300_000 }));
      },
      new MockLambdaContext({ timeoutMs: 900_000 }),
    );
    await run(
      middy,
      [new MockProvider().middleware(), watching],
      async ({ invoke }) => invoke("Hi"),
      // Outside of Lambda.
      Object.assign(new MockLambdaContext(), {
        getRemainingTimeInMillis: undefined,
      }),
    );
    const [lambda = 0, own = 0, nowhere] = seen;
    expect(nowhere).toBe(Number.POSITIVE_INFINITY);
    expect(lambda).toBeGreaterThan(500_000);
    expect(lambda).toBeLessThanOrEqual(900_000);
    expect(own).toBeGreaterThan(100_000);
    expect(own).toBeLessThanOrEqual(300_000);
  });

  test("fails when no model fits, and says why for each, without anything of the prompt", async () => {
    const provider = new MockProvider();
    const error = await rejection(
      run(
        middy,
        [
          provider.middleware(),
          router({ models: [CHEAP, SEEING], qualityThreshold: 3 }),
        ],
        async ({ converse }) =>
          converse({
            messages: [
              { role: "user", content: [IMAGE, { text: "a secret prompt" }] },
            ],
          }),
      ),
    );
    expect(ConfigurationError.isInstance(error)).toBe(true);
    expect(String(error)).toBe(
      `ConfigurationError: router: no model fits: ${CHEAP} does not fit (it reads no images, its quality tier 1 is below 3); ${SEEING} does not fit (its quality tier 2 is below 3).`,
    );
    expect(provider.totalCalls).toBe(0);
  });

  test("fails without naming the account of an ARN, and is explained without it", async () => {
    const profile = (account: string) =>
      `arn:aws:bedrock:eu-west-1:${account}:application-inference-profile/abc`;
    const models = [profile("123456789012")];
    const strict = router({
      models,
      qualityThreshold: 5,
      rules: [{ when: "has_schema", model: profile("210987654321") }],
      requireNativeOutput: true,
    });
    const error = await rejection(
      run(
        middy,
        [new MockProvider().middleware(), strict],
        async ({ invokeStructured }) => invokeStructured("Hi", { a: "string" }),
      ),
    );
    expect(String(error)).toMatch(
      /no model fits: abc does not fit \(.*; rules\[0\] .* abc does not fit/,
    );
    expect(String(error)).not.toMatch(/\d{12}/);
  });

  test("needs a provider before the router", async () => {
    const error = await rejection(
      run(middy, [router({ models })], async () => "never"),
    );
    expect(ConfigurationError.isInstance(error)).toBe(true);
  });

  test("passes interceptors that came before with the asked model, later ones with the chosen one", async () => {
    const seen: string[] = [];
    const watch = (name: string) =>
      before(async ({ context }) => {
        invocationOf(context).intercept("call", name, async (request, next) => {
          seen.push(`${name} ${request.model}`);
          return next(request);
        });
      });
    await run(
      middy,
      [
        new MockProvider().middleware(),
        watch("outside"),
        router({ models }),
        watch("inside"),
      ],
      async ({ invoke }) => invoke("Hi"),
    );
    expect(seen).toEqual([`outside ${DEFAULT}`, `inside ${CHEAP}`]);
  });

  test("is routed once around its retries, so that a fallback stays", async () => {
    const requests: ModelRequest[] = [];
    const fallback = before(async ({ context }) => {
      invocationOf(context).intercept(
        "retry",
        "fallback",
        async (request, next) => {
          requests.push(request);
          return next({ ...request, model: SEEING });
        },
      );
    });
    const response = await run(
      middy,
      [new MockProvider().middleware(), fallback, router({ models })],
      async ({ converse }) => converse(asking()),
    );
    expect(requests.map(({ model }) => model)).toEqual([CHEAP]);
    expect(response.model).toBe(SEEING);
    expect(response.tags).toMatchObject({ "route.model": CHEAP });
  });

  test.each([
    ["whose choice stays", [CHEAP], CHEAP, [CHEAP]],
    [
      "and the inner one when that chose the default",
      [DEFAULT],
      GOOD,
      [DEFAULT, GOOD],
    ],
  ])(
    "of a nested provider passes the outer router first, %s",
    async (_case, outerModels, model, decisions) => {
      const outer = new MockProvider();
      const inner = new MockProvider();
      const { events, middleware } = routeListener();
      const response = await run(
        middy,
        [outer.middleware(), middleware, router({ models: outerModels })],
        async (context) =>
          run(
            middy,
            [inner.middleware(), router({ models: [GOOD] })],
            async ({ converse }) => converse(asking()),
            context,
          ),
      );
      expect(outer.totalCalls).toBe(0);
      expect(events.map((event) => event.model)).toEqual(decisions);
      expect(response).toMatchObject({ model, tags: { "route.model": model } });
    },
  );

  test("does not see what another invocation of the same router does", async () => {
    const shared = router({
      models,
      rules: [{ when: "tags.plan == 'gold'", model: GOOD }],
    });
    const chosen = await Promise.all(
      ["gold", "free", "gold"].map(async (plan) =>
        run(
          middy,
          [
            new MockProvider({ responses: [{ delayMs: 1 }] }).middleware(),
            shared,
          ],
          async ({ converse }) =>
            (await converse(asking({ tags: { plan } }))).model,
        ),
      ),
    );
    expect(chosen).toEqual([GOOD, CHEAP, GOOD]);
  });
});
