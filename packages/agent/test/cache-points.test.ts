import { afterEach, describe, expect, test } from "@jest/globals";
import bedrock from "@lambdallm/bedrock";
import {
  type ContentBlock,
  type Message,
  Model,
  type ModelResponse,
  type SystemBlock,
  type Tool,
  type Usage,
} from "@lambdallm/core";
import type { ModelRequest } from "@lambdallm/core/feature";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import { MockLambdaContext } from "@lambdallm/testing";
import fc from "fast-check";
import middy from "middy7";
import { rounds } from "../../../test-support/rounds.ts";
import {
  type CachePointOptions,
  placeCachePoints,
} from "../src/cache-points.ts";

type Request = Pick<ModelRequest, "model" | "messages" | "system" | "tools">;

/** They are read again from 1,024 tokens on. */
const CLAUDE = `us.${Model.CLAUDE_SONNET_4_5}`;
const NOVA = `us.${Model.NOVA_PRO}`;

const POINT = { cachePoint: { type: "default" } } as const;
const HOUR = { cachePoint: { type: "default", ttl: "1h" } } as const;

const tool: Tool = {
  toolSpec: {
    name: "find",
    description: "Finds pages",
    inputSchema: { json: { type: "object" } },
  },
};
const system: readonly SystemBlock[] = [{ text: "Be brief." }];

const user = (...content: readonly ContentBlock[]): Message => ({
  role: "user",
  content,
});
const assistant = (...content: readonly ContentBlock[]): Message => ({
  role: "assistant",
  content,
});
const call = (toolUseId: string): ContentBlock => ({
  toolUse: { toolUseId, name: "find", input: {} },
});
const result = (toolUseId: string, text = "Seen"): ContentBlock => ({
  toolResult: { toolUseId, content: [{ text }] },
});
const question = { text: "Where?" };

const conversation: readonly Message[] = [
  user(question),
  assistant(call("a")),
  user(result("a")),
  assistant(call("b"), call("c")),
  user(result("b"), result("c")),
];

const request = (more: Partial<Request> = {}): Request => ({
  model: CLAUDE,
  tools: [tool],
  system,
  messages: conversation,
  ...more,
});

describe("Cache points", () => {
  test("stand behind tools, system prompt and the last two messages of the user", () => {
    expect(placeCachePoints(request())).toEqual({
      model: CLAUDE,
      tools: [tool, POINT],
      system: [...system, POINT],
      messages: [
        user(question),
        assistant(call("a")),
        user(result("a"), POINT),
        assistant(call("b"), call("c")),
        user(result("b"), result("c"), POINT),
      ],
    });
  });

  test("stand behind a question, and nowhere where there is nothing", () => {
    const messages = [user(question)];
    expect(placeCachePoints({ model: CLAUDE, messages })).toEqual({
      model: CLAUDE,
      messages: [user(question, POINT)],
    });
  });

  test("stand in front of what is said behind the results", () => {
    const left = { text: "One step is left." };
    const messages = [user(question), assistant(call("a"))];
    expect(
      placeCachePoints(
        request({ messages: [...messages, user(result("a"), left)] }),
      ).messages.at(-1),
    ).toEqual(user(result("a"), POINT, left));
  });

  test("stand neither behind a thought nor in an answer", () => {
    const thought: ContentBlock = {
      reasoningContent: { reasoningText: { text: "Hm." } },
    };
    const messages = [
      user(question),
      assistant(thought),
      user(thought),
      assistant({ text: "There" }),
    ];
    expect(placeCachePoints(request({ messages })).messages).toEqual([
      user(question, POINT),
      ...messages.slice(1),
    ]);
  });

  test("change nothing in place", () => {
    const given = structuredClone(request());
    placeCachePoints(given);
    expect(given).toEqual(request());
  });

  test("of an hour are for tools and system prompt, of models that know it", () => {
    const { tools, system, messages } = placeCachePoints(request(), {
      ttl: "1h",
    });
    expect([tools?.at(-1), system?.at(-1)]).toEqual([HOUR, HOUR]);
    expect(messages.at(-1)?.content.at(-1)).toEqual(POINT);
    for (const model of [Model.CLAUDE_OPUS_4_1, NOVA])
      expect(
        JSON.stringify(placeCachePoints(request({ model }), { ttl: "1h" })),
      ).not.toContain("1h");
  });

  test.each([
    ["without caching", Model.LLAMA3_70B],
    ["that caches by itself", Model.GPT_5_6_SOL],
    ["that nobody knows", "acme.model-v1"],
  ])("are not for a model %s", (_what, model) => {
    const given = request({ model });
    expect(placeCachePoints(given)).toBe(given);
  });

  test("are not for the tools of Nova", () => {
    const placed = placeCachePoints(request({ model: NOVA }));
    expect(placed.tools).toEqual([tool]);
    expect(placed.system).toEqual([...system, POINT]);
  });

  test("leave a list alone that has some of the caller's own", () => {
    const own = [...system, POINT, { text: "Today is Friday." }];
    const placed = placeCachePoints(request({ system: own }));
    expect(placed.system).toBe(own);
    expect(placed.tools).toEqual([tool, POINT]);
    const messages = [user(question, POINT), ...conversation.slice(1)];
    expect(placeCachePoints(request({ messages })).messages).toEqual(messages);
  });

  test("are four at most, with the caller's own", () => {
    const own = [{ text: "a" }, POINT, { text: "b" }, POINT];
    const placed = placeCachePoints(request({ system: own }));
    expect(placed.tools).toEqual([tool]);
    expect(placed.messages.at(-1)?.content.at(-1)).toEqual(POINT);
    expect(placed.messages.at(-3)?.content.at(-1)).toEqual(POINT);
  });

  test.each<[string, Partial<Request>, CachePointOptions, unknown, unknown]>([
    [
      "an hour behind the system prompt",
      { system: [...system, HOUR] },
      {},
      HOUR,
      HOUR,
    ],
    [
      "an hour in the messages",
      { messages: [user(question, HOUR)] },
      {},
      HOUR,
      HOUR,
    ],
    [
      "five minutes behind the tools",
      { tools: [tool, POINT] },
      { ttl: "1h" },
      POINT,
      POINT,
    ],
  ])(
    "do not grow in time beside %s of the caller's own",
    (_what, more, options, ofTools, ofSystem) => {
      const { tools, system } = placeCachePoints(request(more), options);
      expect([tools?.at(-1), system?.at(-1)]).toEqual([ofTools, ofSystem]);
    },
  );
});

let local: LocalBedrock;

afterEach(() => local?.close());

async function converse(given: Request): Promise<ModelResponse> {
  const handler = middy()
    .use(
      bedrock({
        region: "us-east-1",
        clientConfig: {
          endpoint: local.url,
          credentials: { accessKeyId: "local", secretAccessKey: "local" },
        },
      }),
    )
    .handler(async (_event, context) => ({
      response: await context.converse({
        ...given,
        system: [...(given.system ?? [])],
      }),
    }));
  return (await handler({}, new MockLambdaContext())).response;
}

describe("Over HTTP", () => {
  /** So many tokens. */
  const text = (tokens: number, letter: string) => letter.repeat(tokens * 4);

  /** A question and three steps with a result of 1,000 tokens each. */
  async function conversed(
    change: (request: Request) => Request,
    model: string,
  ): Promise<Usage[]> {
    local = await startBedrock({
      respond: () => ({ content: [{ text: "Hm." }] }),
    });
    const usages: Usage[] = [];
    const messages: Message[] = [user({ text: text(100, "q") })];
    for (const step of ["a", "b", "c", "d"]) {
      const { usage } = await converse(
        change({
          model,
          tools: [tool],
          system: [{ text: text(2_000, "s") }],
          messages: [...messages],
        }),
      );
      usages.push(usage);
      messages.push(
        assistant(call(step)),
        user(result(step, text(1_000, step))),
      );
    }
    return usages;
  }

  const sum = (usages: readonly Usage[], name: keyof Usage) =>
    usages.reduce((total, usage) => total + Number(usage[name]), 0);

  test.each([CLAUDE, NOVA])(
    "each step of a conversation with %s reads what the one before has written",
    async (model) => {
      const plain = await conversed((given) => given, model);
      await local.close();
      const cached = await conversed((given) => placeCachePoints(given), model);
      for (const [index, { inputTokens, ...usage }] of cached.entries()) {
        // All of it is cached, and nothing is written twice.
        expect(inputTokens).toBe(0);
        expect(usage.cacheReadInputTokens).toBe(
          index === 0 ? 0 : plain[index - 1]?.inputTokens,
        );
        expect(usage.cacheReadInputTokens + usage.cacheWriteInputTokens).toBe(
          plain[index]?.inputTokens,
        );
      }
      // Of about 14,500 tokens, 5,100 are written for 1.25 times the price, and 9,400 are read for a tenth.
      const price =
        1.25 * sum(cached, "cacheWriteInputTokens") +
        0.1 * sum(cached, "cacheReadInputTokens");
      expect(price).toBeLessThan(0.55 * sum(plain, "inputTokens"));
    },
  );

  const ttl = fc.constantFrom<"5m" | "1h" | undefined>("5m", "1h", undefined);
  const own = fc.option(
    fc.constantFrom<readonly object[]>(
      [POINT],
      [HOUR],
      [HOUR, { text: "x" }, POINT],
    ),
    { nil: [], freq: 3 },
  );

  test("no model refuses the points, whatever the caller has placed himself", async () => {
    local = await startBedrock({ respond: () => "Done." });
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          model: fc.constantFrom(
            CLAUDE,
            NOVA,
            `us.${Model.CLAUDE_OPUS_4_1}`,
            Model.LLAMA3_3_70B,
          ),
          tools: own,
          system: own,
          messages: own,
          ttl,
          steps: fc.nat(3),
        }),
        async ({ model, steps, ttl, ...points }) => {
          const given = {
            model,
            tools: [tool, ...points.tools.filter((one) => "cachePoint" in one)],
            system: [...system, ...points.system],
            messages: [
              user(question, ...(points.messages as readonly ContentBlock[])),
              ...Array.from({ length: steps }, (_, step) => [
                assistant(call(`${step}`)),
                user(result(`${step}`)),
              ]).flat(),
            ],
          } as Request;
          const placed = placeCachePoints(given, { ttl });
          const pointsIn = ({ tools = [], system = [], messages }: Request) =>
            [
              ...tools,
              ...system,
              ...messages.flatMap(({ content }) => content),
            ].flatMap((block) =>
              "cachePoint" in block ? [block.cachePoint.ttl ?? "5m"] : [],
            );
          const before = pointsIn(given);
          const after = pointsIn(placed);
          expect(after.length).toBeLessThanOrEqual(Math.max(4, before.length));
          // What the caller has placed out of order stays so.
          const isOrdered = (ttls: readonly string[]) =>
            !ttls.join(" ").includes("5m 1h");
          expect(isOrdered(after)).toBe(isOrdered(before));
          expect((await converse(placed)).stopReason).toBe("end_turn");
        },
      ),
      { numRuns: rounds(60, 500) },
    );
  });
});
