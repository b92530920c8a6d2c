import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { bedrock } from "@lambdallm/bedrock";
import {
  type ContentBlock,
  findModel,
  type Message,
  Model,
} from "@lambdallm/core";
import type { SessionMessage } from "@lambdallm/core/stores";
import { type LocalBedrock, startBedrock } from "@lambdallm/local";
import {
  full,
  type MemoryStrategy,
  slidingWindow,
  summary,
  tokenBudget,
} from "@lambdallm/session";
import { MockProvider } from "@lambdallm/testing";
import fc from "fast-check";
import { validateMessages } from "../../local/src/bedrock/validate-messages.ts";
import { run, storeWith } from "./support.ts";

const CLAUDE = {
  body: { toolConfig: {} },
  modelId: Model.CLAUDE_HAIKU_4_5,
  model: findModel(Model.CLAUDE_HAIKU_4_5),
  operation: "Converse",
} as const;

const toolUseId = fc.constantFrom("a", "b", "c");
const word = fc.constantFrom("Hello", "🙂 größe", " ", "", "\ud800");

const block: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ text: word }) },
  {
    weight: 3,
    arbitrary: fc.record({
      toolUse: fc.record(
        {
          toolUseId,
          name: fc.constant("look"),
          input: fc.oneof(fc.constant({}), fc.constant("{")),
          type: fc.constantFrom(undefined, "server_tool_use"),
        },
        { requiredKeys: ["toolUseId", "name", "input"] },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      toolResult: fc.record({
        toolUseId,
        content: fc.constant([{ text: "seen" }]),
      }),
    }),
  },
  fc.constantFrom<unknown>(
    { image: { format: "png", source: { bytes: new Uint8Array([1]) } } },
    {
      document: {
        name: "notes",
        format: "txt",
        source: { bytes: new Uint8Array([104, 105]) },
      },
    },
    { reasoningContent: { reasoningText: { text: "Hm", signature: "s" } } },
    { cachePoint: { type: "default" } },
  ),
  fc.constantFrom<unknown>(null, undefined, 5, "text", {}, [], { text: 5 }),
  fc.jsonValue(),
);

const message: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record(
      {
        role: fc.constantFrom("user", "assistant"),
        content: fc.array(block, { maxLength: 4 }),
        incomplete: fc.constant(true),
      },
      { requiredKeys: ["role", "content"] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      role: fc.constantFrom("system", "tool", 5),
      content: fc.oneof(fc.array(block), fc.string()),
    }),
  },
  { weight: 1, arbitrary: fc.jsonValue() },
);

/** Turns with any messages in them; the first number says how much has expired before. */
const session = fc.record({
  turns: fc.array(fc.array(message, { minLength: 1, maxLength: 3 }), {
    maxLength: 8,
  }),
  first: fc.constantFrom(0, 6),
  summary: fc.option(fc.constant("They talked."), { nil: undefined }),
});

const memory: fc.Arbitrary<MemoryStrategy> = fc.oneof(
  fc.constant(full()),
  fc.integer({ min: 1, max: 8 }).map(slidingWindow),
  fc.integer({ min: 1, max: 60 }).map(tokenBudget),
  fc.constant(summary({ trigger: 1_000 })),
);

function storeOf({
  turns,
  first,
  summary,
}: typeof session extends fc.Arbitrary<infer T> ? T : never) {
  let next = first;
  const stored = turns.map((messages, index) => {
    const turn = {
      first: next,
      // What somebody else may have written there.
      messages: messages as unknown as readonly SessionMessage[],
      writeId: `w${index}`,
      writtenAt: 0,
    };
    next += messages.length;
    return turn;
  });
  return storeWith(() => ({
    load: async (_key, { lastMessages = Number.POSITIVE_INFINITY } = {}) => {
      let messages = 0;
      const newest = stored.toReversed().filter((turn) => {
        const wanted = messages < lastMessages;
        messages += turn.messages.length;
        return wanted;
      });
      return {
        turns: newest.toReversed(),
        next,
        hasOlder: newest.length < stored.length,
        ...(summary !== undefined && {
          summary: { text: summary, upTo: first },
        }),
      };
    },
    append: async () => true,
  }));
}

function holds(messages: readonly Message[], kind: string): boolean {
  return messages.some(({ content }) => content.some((part) => kind in part));
}

describe("whatever is stored", () => {
  test("the prompt is one that models take: alternating, beginning with the user, calls with their results", async () => {
    await fc.assert(
      fc.asyncProperty(session, memory, async (stored, strategy) => {
        const model = new MockProvider();
        await run(({ chat }) => chat("Now"), {
          store: storeOf(stored),
          model,
          session: { memory: strategy },
        });
        const { messages } = model.calls[0]?.request ?? { messages: [] };
        const hasTools =
          holds(messages, "toolUse") || holds(messages, "toolResult");
        validateMessages(messages, hasTools ? CLAUDE : { ...CLAUDE, body: {} });
        expect(messages.map(({ role }) => role)).toEqual(
          messages.map((_message, index) =>
            index % 2 === 0 ? "user" : "assistant",
          ),
        );
        expect(messages.at(-1)?.content.at(-1)).toEqual({ text: "Now" });
      }),
      { numRuns: 600 },
    );
  });

  test("a window never splits a call from its result, and a result that is sent finds its call", async () => {
    const exchange = fc
      .array(fc.constantFrom("tool", "text"), { maxLength: 12 })
      .map((kinds) => {
        const messages: Message[] = [];
        const ask = (content: ContentBlock[]) =>
          messages.push({ role: "user", content });
        const say = (content: ContentBlock[]) =>
          messages.push({ role: "assistant", content });
        let open: string | undefined;
        for (const [index, kind] of kinds.entries()) {
          const id = `t${index}`;
          ask(
            open === undefined
              ? [{ text: `Q${index}` }]
              : [{ toolResult: { toolUseId: open, content: [{ text: "x" }] } }],
          );
          open = kind === "tool" ? id : undefined;
          say(
            kind === "tool"
              ? [{ toolUse: { toolUseId: id, name: "look", input: {} } }]
              : [{ text: `A${index}` }],
          );
        }
        return { messages, open };
      });
    await fc.assert(
      fc.asyncProperty(
        exchange,
        memory,
        async ({ messages, open }, strategy) => {
          const model = new MockProvider();
          const question: ContentBlock[] =
            open === undefined
              ? [{ text: "Now" }]
              : [{ toolResult: { toolUseId: open, content: [{ text: "x" }] } }];
          const turns = messages.flatMap((_message, index) =>
            index % 2 === 0 ? [messages.slice(index, index + 2)] : [],
          );
          const repairs = await run(
            async ({ session: own }) => {
              await own.converse(question);
              return own.repairs;
            },
            {
              store: storeOf({ turns, first: 0, summary: undefined }),
              model,
              session: { memory: strategy },
            },
          );
          const sent = model.calls[0]?.request.messages ?? [];
          validateMessages(sent, CLAUDE);
          // A suffix of what was there, with the message behind it; nothing was broken.
          expect([...messages, { role: "user", content: question }]).toEqual(
            expect.arrayContaining([...sent]),
          );
          expect(repairs).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("over the local Bedrock", () => {
  let local: LocalBedrock;
  beforeAll(async () => {
    local = await startBedrock({ now: () => Date.UTC(2026, 10, 22) });
  });
  afterAll(async () => local.close());

  test("no history makes the service refuse the request", async () => {
    const provider = bedrock({
      region: "us-east-1",
      clientConfig: {
        endpoint: local.url,
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      },
    });
    await fc.assert(
      fc.asyncProperty(session, memory, async (stored, strategy) => {
        const text = await run(({ chat }) => chat("Now"), {
          store: storeOf(stored),
          provider,
          session: { memory: strategy },
        });
        expect(text).not.toBe("");
      }),
      {
        numRuns: 100,
        examples: [
          [
            {
              // The SDK does not escape the names of blocks that it does not know.
              turns: [[{ role: "user", content: [{ "\\": [] }] }]],
              first: 0,
              summary: undefined,
            },
            full(),
          ],
        ],
      },
    );
  });
});
