import { describe, expect, test } from "@jest/globals";
import { ConfigurationError, Model } from "@lambdallm/core";
import router, {
  type RouteCircumstances,
  type RouteFacts,
  type RouterRule,
} from "@lambdallm/router";
import { asking, DOCUMENT, IMAGE, NOW, TOOL, thrown } from "./support.ts";

const OTHER = Model.CLAUDE_OPUS_4_6;
const models = [Model.NOVA_LITE];

const explain = (
  rules: readonly RouterRule[],
  request: Parameters<ReturnType<typeof router>["explain"]>[0] = "Hi",
  circumstances: RouteCircumstances = {},
) => router({ models, rules }).explain(request, { now: NOW, ...circumstances });

/** Whether a rule that is a string matches. */
const matches = (
  when: string,
  ...rest: [
    request?: ReturnType<typeof asking>,
    circumstances?: RouteCircumstances,
  ]
) => explain([{ when, model: OTHER }], ...rest).rule === 0;

/** What is wrong with a rule that is a string. */
const complaint = (when: string) =>
  thrown(() => router({ models, rules: [{ when, model: OTHER }] }));

describe("Rules", () => {
  test("come before the strategy, and the first one that matches decides", () => {
    expect(
      explain([
        { when: "input_tokens > 100", model: Model.NOVA_PRO },
        { when: () => true, model: OTHER },
        { when: "input_tokens < 100", model: Model.NOVA_MICRO },
      ]),
    ).toMatchObject({
      model: OTHER,
      rule: 1,
      reason: "rules[1] matches",
      ranking: [{ model: Model.NOVA_LITE, fits: true }],
    });
  });

  test("leave it to the strategy when none matches", () => {
    expect(explain([{ when: "has_tools", model: OTHER }])).toMatchObject({
      model: Model.NOVA_LITE,
      rule: undefined,
    });
  });

  test("are passed over when their model cannot take the call, and the reason says so", () => {
    const request = asking({
      messages: [{ role: "user", content: [IMAGE, { text: "What?" }] }],
    });
    const blind = { when: "has_images", model: Model.NOVA_MICRO };
    expect(
      explain([blind, { when: "true", model: OTHER }], request),
    ).toMatchObject({
      model: OTHER,
      rule: 1,
      reason: `rules[1] (true) matches; rules[0] (has_images) matches, but ${Model.NOVA_MICRO} does not fit (it reads no images)`,
    });
    expect(explain([blind], request)).toMatchObject({
      model: Model.NOVA_LITE,
      reason: `cheapest: 1 of 1 models fit; rules[0] (has_images) matches, but ${Model.NOVA_MICRO} does not fit (it reads no images)`,
    });
  });

  test("are not held to the quality threshold", () => {
    const routing = router({
      models: [OTHER],
      qualityThreshold: 5,
      rules: [{ when: "input_tokens < 10", model: Model.NOVA_MICRO }],
    });
    expect(routing.explain("Hi", { now: NOW }).model).toBe(Model.NOVA_MICRO);
  });

  test("that are functions see the facts and the request, and cannot change them", () => {
    let seen: RouteFacts | undefined;
    const request = asking({ maxTokens: 7, tags: { plan: "gold" } });
    explain(
      [
        {
          when: (facts) => {
            seen = facts;
            return false;
          },
          model: OTHER,
        },
      ],
      request,
      { budgetShareLeft: 0.25, remainingTimeMs: 9_000 },
    );
    expect(seen).toEqual({
      inputTokens: 4,
      maxTokens: 7,
      hasTools: false,
      hasImages: false,
      hasDocuments: false,
      hasVideo: false,
      hasAudio: false,
      hasSchema: false,
      isStreaming: false,
      budgetShareLeft: 0.25,
      budgetConsumed: 0.75,
      remainingTimeMs: 9_000,
      tags: { plan: "gold" },
      request,
    });
    expect(Object.isFrozen(seen)).toBe(true);
  });

  test("that throw fail the call with the rule's place, and keep the cause out of the message", () => {
    const cause = new Error("a secret prompt");
    const error = thrown(() =>
      explain([
        { when: "false", model: OTHER },
        {
          when: () => {
            throw cause;
          },
          model: OTHER,
        },
      ]),
    );
    expect(ConfigurationError.isInstance(error)).toBe(true);
    expect(error.message).toBe("router: the function of rules[1] failed.");
    expect(error.cause).toBe(cause);
  });

  test.each([async () => true, () => undefined, () => 1])(
    "that are functions return true or false: %s",
    (when) => {
      // What JavaScript lets through.
      const rule = { when, model: OTHER } as unknown as RouterRule;
      expect(thrown(() => explain([rule])).message).toBe(
        "router: the function of rules[0] must return true or false.",
      );
    },
  );
});

describe("A rule that is a string", () => {
  test("knows the facts, in snake_case and in camelCase", () => {
    const all = asking({
      messages: [
        {
          role: "user",
          content: [
            { text: "four" },
            IMAGE,
            DOCUMENT,
            { video: { format: "mp4", source: { bytes: new Uint8Array() } } },
            { audio: { format: "mp3", source: { bytes: new Uint8Array() } } },
          ],
        },
      ],
      maxTokens: 50,
      tools: [TOOL],
      output: { schema: { type: "object" } },
      onDelta: () => {},
      tags: { plan: "gold", "team.name-1": "red" },
    });
    const circumstances = { budgetShareLeft: 0.2, remainingTimeMs: 1_500 };
    const facts = [
      "input_tokens > 1_600",
      "max_tokens == 50",
      "has_tools",
      "has_images",
      "has_documents",
      "has_video",
      "has_audio",
      "has_schema",
      "is_streaming",
      "budget_share_left <= 0.2",
      "budget_consumed == .8",
      "remaining_time_ms < 2e3",
      "tags.plan == 'gold'",
      'tags.team.name-1 == "red"',
    ];
    for (const fact of facts) {
      const camelCase = fact.replace(/_([a-z])/g, (_match, letter) =>
        letter.toUpperCase(),
      );
      expect([fact, matches(fact, all, circumstances)]).toEqual([fact, true]);
      expect([fact, matches(camelCase, all, circumstances)]).toEqual([
        fact,
        true,
      ]);
      expect([fact, matches(`not (${fact})`, all, circumstances)]).toEqual([
        fact,
        false,
      ]);
    }
    for (const fact of [
      "has_tools",
      "has_images",
      "has_video",
      "has_schema",
      "is_streaming",
    ])
      expect([fact, matches(fact, asking())]).toEqual([fact, false]);
  });

  test.each([
    ["input_tokens < 100", true],
    ["input_tokens<4", false],
    ["input_tokens <= 4", true],
    ["input_tokens >= 5", false],
    ["4 == input_tokens", true],
    ["input_tokens != 4", false],
    ["input_tokens > -1", true],
    ["true and false or true", true],
    ["true or true and false", true],
    ["(true or true) and false", false],
    ["true && !false || false", true],
    ["not true or true", true],
    ["not (true or true)", false],
    ["not not true", true],
    ["!has_tools == true", true],
    ["(input_tokens) < (100)", true],
    ["(input_tokens < 100) == true", true],
    ["'it\\'s' == \"it's\"", true],
    ["'a\\\\' == \"a\\\\\"", true],
    ["'and' != 'or'", true],
    ["\n true\tand true ", true],
  ])("reads %j as %s", (when, expected) => {
    expect(matches(when, asking())).toBe(expected);
  });

  test("finds any comparison with a fact that nobody knows to be false", () => {
    for (const comparison of [
      "max_tokens < 1",
      "max_tokens != 1",
      "budget_share_left < 0.5",
      "budget_consumed > 0.5",
      "tags.plan == 'gold'",
      "tags.plan != 'gold'",
      "tags.plan == tags.plan",
      "tags.constructor != ''",
      "tags.__proto__ != ''",
    ])
      expect([comparison, matches(comparison, asking())]).toEqual([
        comparison,
        false,
      ]);
    expect(matches("not (tags.plan == 'gold')", asking())).toBe(true);
    expect(matches("remaining_time_ms > 1e308", asking())).toBe(true);
  });

  test.each([
    [
      "",
      'router: rules[0]: the option "when" must be a non-empty string or a function.',
    ],
    [
      "and",
      'expected a fact, a number, a text in quotes, or "("; found "and" at position 1.',
    ],
    [
      "input_tokens <",
      'expected a fact, a number, a text in quotes, or "("; found the end at position 15.',
    ],
    [
      "input_tokens",
      'expected a condition, but this is a number: compare it; found "input_tokens" at position 1.',
    ],
    [
      "true and tags.x",
      'expected a condition, but this is text: compare it; found "tags.x" at position 10.',
    ],
    [
      "not 5",
      'expected a condition, but this is a number: compare it; found "5" at position 5.',
    ],
    [
      "5 or true",
      'expected a condition, but this is a number: compare it; found "5" at position 1.',
    ],
    [
      "input_tokens < 'many'",
      "expected a number to compare with a number; found \"'many'\" at position 16.",
    ],
    [
      "tags.plan < 'gold'",
      'expected == or !=, because this is text; found "<" at position 11.',
    ],
    [
      "true >= false",
      'expected == or !=, because this is true or false; found ">=" at position 6.',
    ],
    ["1 < 2 < 3", 'expected "and", "or", or the end; found "<" at position 7.'],
    [
      "has_tools true",
      'expected "and", "or", or the end; found "true" at position 11.',
    ],
    [
      "input_tokens = 5",
      'expected one of < <= > >= == !=; found "=" at position 14.',
    ],
    ["has_tools & true", 'found "&" at position 11.'],
    ["(true", 'expected ")"; found the end at position 6.'],
    ["true)", 'found ")" at position 5.'],
    ["'open == 'x'", 'found "x" at position 11.'],
    [
      "input_tokens < 1e999",
      'expected a finite number; found "1e999" at position 16.',
    ],
    ["input_tokens < 10ms", 'found "ms" at position 18.'],
    [
      "process.exit() == 1",
      "expected one of input_tokens, max_tokens, has_tools",
    ],
    ["tags == 'x'", 'tags.NAME; found "tags" at position 1.'],
    ["constructor == 1", 'found "constructor" at position 1.'],
    ["Has_Tools", 'found "Has_Tools" at position 1.'],
    [`${"a".repeat(60)} == 1`, `found "${"a".repeat(40)}" at position 1.`],
    [
      `${"true or ".repeat(125)}x`,
      "router: rules[0].when: the rule has 1001 characters; at most 1000 are read. Write a function instead.",
    ],
    [
      `${"(".repeat(51)}true`,
      'expected at most 50 levels of "(" and "not"; found "true" at position 52.',
    ],
    [
      `${"!".repeat(51)}true`,
      'expected at most 50 levels of "(" and "not"; found "true" at position 52.',
    ],
  ])(
    "is refused at construction with what was expected, and where: %j",
    (when, message) => {
      const error = complaint(when);
      expect(ConfigurationError.isInstance(error)).toBe(true);
      expect(error.message).toContain("router: rules[0]");
      expect(error.message).toContain(message);
    },
  );

  test("may be long and nested, up to a limit", () => {
    expect(matches(`${"(".repeat(50)}true${")".repeat(50)}`)).toBe(true);
    expect(matches(`${"true and ".repeat(110)}false`)).toBe(false);
    expect(matches(`(${"true) and (".repeat(80)}true)`)).toBe(true);
  });
});
