import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  ConfigurationError,
  type ContentBlock,
  type ConverseRequest,
  type JsonValue,
  listModels,
  type Message,
  ModelInvocationError,
  type SystemBlock,
  type Tool,
  type ToolChoice,
  type ToolResultContent,
} from "@lambdallm/core";
import type { LocalBedrock } from "@lambdallm/local";
import fc from "fast-check";
import { rounds } from "../../../test-support/rounds.ts";
import { refusedOutputModes } from "../src/index.ts";
import { invocation, start } from "./support.ts";

let local: LocalBedrock;
beforeAll(async () => {
  // Before any model of the catalog has ended.
  local = await start({ now: () => Date.UTC(2024, 0, 1) });
});
afterAll(() => local.close());

const RUNS = rounds(500, 2_000);

/** Half of them what people write, half of them anything: blank, marks, lone surrogates. */
const text = fc.oneof(
  fc.constantFrom("Hello", "a.b (c)", "Größe", "", " ", "😀", "\ud83d", "{x}"),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const words = fc.constantFrom("Hello", "What is this?", "x");
const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>;
const bytes = fc.uint8Array({ minLength: 1, maxLength: 4 });

/** With and without what may be left out. */
const some = <T>(value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined });

const image = fc.record({
  image: fc.record({
    format: fc.constantFrom("png", "jpeg", "jpg", "gif", "webp"),
    source: fc.record({ bytes }),
  }),
});
const document = fc.record({
  document: fc.record({
    name: text,
    format: fc.constantFrom("pdf", "txt", "md", "csv"),
    source: fc.oneof(fc.record({ bytes }), fc.record({ text: words })),
  }),
});
const cachePoint = fc
  .constantFrom("5m" as const, "1h" as const, undefined)
  .map((ttl) => ({
    cachePoint: { type: "default" as const, ...(ttl && { ttl }) },
  }));
const reasoning = fc.oneof(
  fc.record({
    reasoningContent: fc.record({
      reasoningText: fc
        .record({ text, signature: some(fc.constant("c2ln")) })
        .map(({ text: thought, signature }) => ({
          text: thought,
          ...(signature && { signature }),
        })),
    }),
  }),
  fc.record({ reasoningContent: fc.record({ redactedContent: bytes }) }),
);
const searchResult = fc.constant({
  searchResult: { source: "s", title: "t", content: [{ text: "x" }] },
});

const userBlock: fc.Arbitrary<ContentBlock> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ text: words }) },
  fc.record({ text }),
  image,
  document,
  cachePoint,
);
const answerBlock: fc.Arbitrary<ContentBlock> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ text: words }) },
  fc.record({ text }),
  reasoning,
  cachePoint,
);

const resultContent: fc.Arbitrary<ToolResultContent> = fc.oneof(
  fc.record({ json }),
  fc.record({ text }),
  image,
  document,
  searchResult,
);

const name = fc.oneof(
  fc.constantFrom("look", "place", "look<|channel|>json"),
  text,
);

/** Calls and their results, together in one message or each in one of its own. */
const exchange: fc.Arbitrary<readonly Message[]> = fc
  .tuple(
    fc.uniqueArray(fc.oneof(fc.stringMatching(/^[a-z]{1,5}$/), text), {
      minLength: 1,
      maxLength: 3,
    }),
    name,
    json,
    fc.array(resultContent, { maxLength: 2 }),
    fc.array(answerBlock, { maxLength: 2 }),
    fc.boolean(),
  )
  .map(([ids, tool, input, content, before, apart]) => {
    const results = ids.map((toolUseId) => ({
      toolResult: { toolUseId, content },
    }));
    return [
      { role: "user", content: [{ text: "Look" }] },
      {
        role: "assistant",
        content: [
          ...before,
          ...ids.map((toolUseId) => ({
            toolUse: { toolUseId, name: tool, input },
          })),
        ],
      },
      ...(apart
        ? results.map((result) => ({
            role: "user" as const,
            content: [result],
          }))
        : [{ role: "user" as const, content: results }]),
    ];
  });

const spoken: fc.Arbitrary<readonly Message[]> = fc.oneof(
  fc
    .array(userBlock, { minLength: 1, maxLength: 3 })
    .map((content) => [{ role: "user" as const, content }]),
  fc
    .array(answerBlock, { maxLength: 3 })
    .map((content) => [{ role: "assistant" as const, content }]),
  fc.constant([{ role: "system" as const, content: [{ text: "Be brief" }] }]),
);

const messages: fc.Arbitrary<readonly Message[]> = fc
  .tuple(
    fc.constantFrom<Message[]>(
      [{ role: "user", content: [{ text: "Hello" }] }],
      [{ role: "system", content: [{ text: "Be brief" }] }],
      [],
    ),
    fc.array(fc.oneof(exchange, spoken), { maxLength: 4 }),
  )
  .map(([opening, parts]) => [...opening, ...parts.flat()]);

const property = fc.constantFrom<object>(
  { type: "string" },
  { type: "integer", minimum: 1 },
  { type: ["string", "null"], enum: ["low", "high", null] },
  { type: ["object", "null"], properties: { a: { type: "string" } } },
  { type: "array", items: { type: "string" }, maxItems: 3 },
  { $ref: "#/$defs/named" },
  { const: 1 },
  { anyOf: [{ type: "string" }, { type: "null" }] },
);
const schema: fc.Arbitrary<object> = fc
  .record({
    $schema: some(fc.constant("https://json-schema.org/draft/2020-12/schema")),
    additionalProperties: some(fc.boolean()),
    description: some(text),
    title: some(fc.constant("T")),
    properties: fc.dictionary(fc.constantFrom("a", "b", "c"), property),
    required: some(fc.constant([])),
    top: fc.constantFrom("object", "none", "anyOf", "allOf", "array"),
  })
  .map(({ top, ...rest }) => {
    const given = Object.fromEntries(
      Object.entries({
        ...rest,
        $defs: { named: { type: "string", pattern: "^a" } },
      }).filter(([, value]) => value !== undefined),
    );
    if (top === "object") return { type: "object", ...given };
    if (top === "array") return { type: "array", items: { type: "string" } };
    if (top === "none") return given;
    const { $defs, ...object } = given;
    return { [top]: [{ type: "object", ...object }], $defs };
  });

const toolSpec: fc.Arbitrary<Tool> = fc
  .record({
    name: fc.constantFrom("look", "place", "answer", "a b"),
    description: some(text),
    json: schema,
    strict: some(fc.boolean()),
  })
  .map(({ name: toolName, description, json: inputSchema, strict }) => ({
    toolSpec: {
      name: toolName,
      inputSchema: { json: inputSchema },
      ...(description !== undefined && { description }),
      ...(strict !== undefined && { strict }),
    },
  }));
const tools = fc.uniqueArray(fc.oneof(toolSpec, cachePoint), {
  maxLength: 3,
  selector: (tool) =>
    "toolSpec" in tool ? tool.toolSpec.name : JSON.stringify(tool),
});
const toolChoice = fc.constantFrom<ToolChoice>(
  { auto: {} },
  { any: {} },
  { tool: { name: "look" } },
);

const settings = fc.record({
  temperature: some(fc.constantFrom(0, 0.3, 1, 1.2)),
  topP: some(fc.constantFrom(0, 0.5, 0.97, 1)),
  maxTokens: some(fc.constantFrom(1, 100, 5_000, 64_000, 1_000_000)),
  stopSequences: some(fc.array(text, { maxLength: 2 })),
  system: some(
    fc.array(
      fc.oneof<fc.Arbitrary<SystemBlock>[]>(
        fc.record({ text }),
        fc.record({ text: words }),
        cachePoint,
      ),
      { maxLength: 3 },
    ),
  ),
  thinking: some(
    fc.constantFrom(
      { type: "enabled", budget_tokens: 2_000 },
      { type: "enabled", budget_tokens: 500 },
      { type: "adaptive" },
      { type: "disabled" },
    ),
  ),
  top_k: some(fc.constant(5)),
  output: some(schema),
  streams: fc.boolean(),
});

const request: fc.Arbitrary<ConverseRequest> = fc
  .record({
    model: fc.constantFrom(...listModels().map(({ id }) => id)),
    messages,
    tools: some(tools),
    toolChoice: some(toolChoice),
    settings,
  })
  .map(({ settings: given, ...rest }) => {
    const { thinking, top_k, output, streams, ...inference } = given;
    const fields = {
      ...(thinking && { thinking }),
      ...(top_k && { top_k }),
    };
    return {
      ...rest,
      ...inference,
      ...(Object.keys(fields).length > 0 && {
        bedrock: { additionalModelRequestFields: fields },
      }),
      ...(output && { output: { schema: output } }),
      ...(streams && { onDelta: () => {} }),
    };
  });

/** An error of ours says where: a place in the request, or a setting by its name. */
const PLACE =
  /messages\[\d+\]|tools\[\d+\]|: tools|the tool calls in messages|toolChoice|temperature|topP|maxTokens|budget_tokens|bedrock\(\{ region \}\)|messages is empty/;

test("whatever our types allow, on any model: the service takes what is sent, or an error of ours names the place", async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      request,
      fc.constantFrom("us-east-1", "eu-west-1", "sa-east-1"),
      async (asked, region) => {
        local.reset();
        const failed = await invocation(
          local,
          async (context) => {
            await context.converse(asked);
          },
          { region },
        ).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (failed === undefined) {
          taken += 1;
          return;
        }
        const isOurs =
          ConfigurationError.isInstance(failed) ||
          (ModelInvocationError.isInstance(failed) &&
            failed.reason === "capability" &&
            failed.serviceError === undefined);
        if (!isOurs) throw failed;
        expect(failed.message).toMatch(PLACE);
        expect(local.requests).toHaveLength(0);
      },
    ),
    { numRuns: RUNS },
  );
  // The property would hold for a provider that refuses everything. Three in ten are taken, now and then less than one in four.
  expect(taken).toBeGreaterThan(RUNS / 8);
  expect(refusedOutputModes()).toEqual({});
});
