import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ContentBlock, JsonValue } from "@lambdallm/core";
import type { LocalBedrock, Reply } from "@lambdallm/local";
import { Agent, type AgentResult, tool } from "../src/index.ts";
import { overHttp, startLocal } from "./wire-support.ts";

let local: LocalBedrock;
let replies: Reply[] = [];
/** Requests that came as far as an answer: the others were refused. */
let answered = 0;

beforeAll(async () => {
  local = await startLocal({
    respond: () => {
      answered += 1;
      return replies.shift() ?? "Done.";
    },
  });
});

afterAll(() => local.close());

const agent = new Agent({
  name: "helper",
  tools: [
    tool({
      name: "look",
      description: "Looks something up.",
      input: { query: "string" },
      run: async () => "Seen.",
    }),
  ],
});

const call = (
  name: string,
  input: JsonValue = { query: "Ada" },
  toolUseId = "t1",
): ContentBlock => ({ toolUse: { toolUseId, name, input } });

describe.each([
  ["whole", false],
  ["streamed", true],
])("An adversary whose answers come %s", (_how, isStreamed) => {
  const forever = Array.from({ length: 9 }, () => ({
    content: [call("look")],
  }));

  test.each<[string, readonly Reply[], Partial<AgentResult>]>([
    [
      "calls a tool that there is not",
      [{ content: [call("ghost")] }, "I see."],
      { status: "completed", answer: "I see.", toolCalls: 1 },
    ],
    [
      "breaks off in the arguments of a call",
      [
        { content: [call("look", '{"query": "Ad')], stopReason: "max_tokens" },
        "I see.",
      ],
      { status: "completed", answer: "I see." },
    ],
    [
      "says end_turn beside a call",
      [{ content: [call("look")], stopReason: "end_turn" }, "I see."],
      { status: "completed", answer: "I see.", toolCalls: 1 },
    ],
    [
      "says tool_use without a call",
      [{ content: [{ text: "I see." }], stopReason: "tool_use" }],
      { status: "completed", answer: "I see.", toolCalls: 0 },
    ],
    ["repeats a call for ever", forever, { status: "stopped", toolCalls: 2 }],
    ["answers nothing", [{ content: [] }, { content: [] }], { answer: "" }],
    [
      "gives two calls one id",
      [{ content: [call("look"), call("look")] }, "I see."],
      { status: "completed", answer: "I see.", toolCalls: 2 },
    ],
  ])(
    "%s: the run ends, and no request is refused",
    async (_what, given, end) => {
      replies = [...given];
      answered = 0;
      local.reset();
      const result = await overHttp(local, (context) =>
        isStreamed
          ? agent.stream("Where is Ada?", context).result
          : agent.run("Where is Ada?", context),
      );
      expect(result).toMatchObject(end);
      expect(local.requests).toHaveLength(answered);
    },
  );
});
