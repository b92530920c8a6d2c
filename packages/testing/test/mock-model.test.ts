import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, Model } from "@lambdallm/core";
import { providerMiddleware } from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider, mockModel } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";

/** Stands for the real service: a test that gets here has failed. */
const real = new MockProvider({
  responses: [new Error("The real model was called.")],
});

const later = () =>
  new Promise<void>((resolve) => {
    setImmediate(resolve);
  });

describe.each(middyMajors)("mockModel on %s", (_name, middy) => {
  // As at module scope: made before any test runs, with the model that production uses.
  const handler = middy<{ name: string }>()
    .before(later)
    .use(
      providerMiddleware({
        provider: real,
        defaults: { model: Model.NOVA_LITE },
      }),
    )
    .handler(async ({ name }, { invoke }) => {
      await later();
      return invoke("Greet {name}", { name });
    });

  const greet = async (name: string) =>
    handler({ name }, new MockLambdaContext());

  test(
    "wraps a test: the handler gets the mocked model, behind middlewares that await",
    mockModel({ responses: ["Hello, Ada!"] }, async (model) => {
      expect(await greet("Ada")).toBe("Hello, Ada!");
      expect(model.lastPrompt).toBe("Greet Ada");
      expect(model.calls[0]?.request.model).toBe(Model.NOVA_LITE);
    }),
  );

  test.each([
    ["Ada", 1],
    ["Bob", 2],
  ])(
    "passes the arguments of a table on: %s",
    mockModel(
      { responses: ["Hello!"] },
      async (model, name: string, row: number) => {
        expect(await greet(name)).toBe("Hello!");
        expect(model.lastPrompt).toBe(`Greet ${name}`);
        expect(row).toBe(name === "Ada" ? 1 : 2);
      },
    ),
  );

  test("keeps tests apart that run at the same time", async () => {
    const answers = ["a", "b", "c"].map((text) =>
      mockModel({ responses: [async () => text] }, async (model) => {
        await later();
        const answer = await greet(text);
        return [answer, model.lastPrompt, model.totalCalls];
      })(),
    );
    expect(await Promise.all(answers)).toEqual([
      ["a", "Greet a", 1],
      ["b", "Greet b", 1],
      ["c", "Greet c", 1],
    ]);
  });

  test("is over when the test is over", async () => {
    await mockModel({}, async () => greet("Ada"))();
    await expect(greet("Ada")).rejects.toThrow("The real model was called.");
  });

  test("begins anew with every run", async () => {
    const run = mockModel({ responses: ["first", "second"] }, async () =>
      greet("Ada"),
    );
    expect([await run(), await run()]).toEqual(["first", "first"]);
  });
});

describe("the function that mockModel returns", () => {
  test("takes no parameters as far as a test runner can see, so that none waits for a callback", () => {
    expect(
      mockModel({}, async (_model, _a: string, _b: string) => {}),
    ).toHaveLength(0);
  });

  test("returns what the test returns", () => {
    const run = mockModel({}, (model, a: number, b: number) => {
      expect(model.totalCalls).toBe(0);
      return a + b;
    });
    expect(run(1, 2)).toBe(3);
  });

  test("refuses an empty list of responses when it runs", () => {
    expect(mockModel({ responses: [] }, () => {})).toThrow(
      "`responses` is empty",
    );
  });
});

describe("a mock that nobody asked", () => {
  const NEVER_ASKED = "the test has passed, but nobody has asked its model";

  test("fails the test that would have passed", async () => {
    const passed = mockModel({}, async () => "passed");
    await expect(passed()).rejects.toThrow(ConfigurationError);
    await expect(passed()).rejects.toThrow(NEVER_ASKED);
    expect(mockModel({}, () => "passed")).toThrow(NEVER_ASKED);
  });

  test("does not hide why a test fails", async () => {
    const failure = new Error("an assertion");
    await expect(
      mockModel({}, async () => {
        throw failure;
      })(),
    ).rejects.toBe(failure);
  });

  test.each<[string, (model: MockProvider) => unknown]>([
    ["totalCalls", (model) => model.totalCalls],
    ["lastPrompt", (model) => model.lastPrompt],
    ["calls", (model) => model.calls],
  ])("is right in a test that has looked at its %s", async (_member, look) => {
    await mockModel({}, async (model) => look(model))();
  });

  test.each(middyMajors)(
    "was asked when it only had to count tokens, on %s",
    async (_name, middy) => {
      const messages = [{ role: "user" as const, content: [{ text: "Hi" }] }];
      const handler = middy()
        .use(real.middleware())
        .handler(async (_event, { countTokens }) => countTokens({ messages }));
      const count = mockModel({}, async () =>
        handler({}, new MockLambdaContext()),
      );
      expect(await count()).toBeGreaterThan(0);
    },
  );
});
